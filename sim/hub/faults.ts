// The hub's fault switches, one method each. Every fault begins when its method's promise has settled (at once for
// those without one) and lasts until it is ended by name: a test decides when, never chance.

import type { Acks, Disposition } from './acks.ts';
import type { Gate } from './gate.ts';
import type { Workload, WorkloadFault } from './workload.ts';

export class Faults {
  readonly #gate: Gate;
  readonly #acks: Acks;
  readonly #workload: Workload;
  readonly #renew: () => Promise<void>;
  #reopen: NodeJS.Timeout | undefined;
  #refusal: 2 | 3 | 4 | 5 | undefined;
  #mute: 'hold' | 'close' | undefined;

  constructor(gate: Gate, acks: Acks, workload: Workload, renew: () => Promise<void>) {
    this.#gate = gate;
    this.#acks = acks;
    this.#workload = workload;
    this.#renew = renew;
  }

  /** Closes the port and cuts all connections, until `up` or for `forMs`. Sessions are kept. */
  async down(forMs?: number): Promise<void> {
    clearTimeout(this.#reopen);
    await this.#gate.shut();
    if (forMs !== undefined) this.#reopen = setTimeout(() => void this.up(), forMs);
  }

  /** Opens the port again. */
  async up(): Promise<void> {
    clearTimeout(this.#reopen);
    await this.#gate.open();
  }

  /** Black hole: connections are taken and kept, nothing is read, nothing is answered. */
  silence(): void {
    this.#gate.silence();
  }

  /** Ends the black hole; what was sent into it is read now. */
  resume(): void {
    this.#gate.resume();
  }

  /** Cuts all connections once. */
  cut(): void {
    this.#gate.cut();
  }

  /** The edgeHub container is made anew: connections are cut, sessions and subscriptions are gone, the port is open. */
  async recreate(): Promise<void> {
    await this.#renew();
  }

  /** Messages are recorded but not acknowledged, until `releaseAcks`. */
  withholdAcks(): void {
    this.#acks.withhold();
  }

  releaseAcks(): void {
    this.#acks.release();
  }

  /** Messages recorded whose acknowledgement is withheld now. */
  get withheldAcks(): number {
    return this.#acks.withheld;
  }

  /** The next `count` messages are recorded, and their connection is cut instead of the acknowledgement. */
  loseAcks(count = 1): void {
    this.#acks.lose(count);
  }

  /** Every acknowledgement is late by `ms`; 0 ends that. */
  delayAcks(ms: number): void {
    this.#acks.delay(ms);
  }

  /** The next `count` messages over AMQP are not taken; `how` tells the sender so. */
  turnAway(how: Disposition, count = 1): void {
    this.#acks.turnAway(how, count);
  }

  /**
   * What an MQTT client sends after the TLS handshake is lost, as edgeHub 1.6.0 and 1.6.1 do (Azure/iotedge #7539):
   * `hold` answers nothing until the client gives up, `close` ends the connection; undefined ends the fault. AMQP is well.
   */
  loseConnect(how: 'hold' | 'close' | undefined): void {
    this.#mute = how;
  }

  get connectLost(): 'hold' | 'close' | undefined {
    return this.#mute;
  }

  /** Every new connection is cut when `bytes` have gone to the client; undefined ends that. */
  cutAfter(bytes: number | undefined): void {
    this.#gate.cutAfter(bytes);
  }

  /** New connections are refused with this CONNACK return code (2 to 5), over AMQP with 401; undefined ends that. */
  refuse(code: 2 | 3 | 4 | 5 | undefined): void {
    this.#refusal = code;
  }

  get refusal(): 2 | 3 | 4 | 5 | undefined {
    return this.#refusal;
  }

  /** The workload API fails this way, for all calls or for one; undefined ends that. */
  workload(kind: WorkloadFault | undefined, call?: 'sign' | 'trust-bundle'): void {
    this.#workload.fault(kind, call);
  }

  /** Ends what would keep the process alive. */
  end(): void {
    clearTimeout(this.#reopen);
  }
}
