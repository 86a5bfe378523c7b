// A hub under exact control, for tests of the forwarder: the test decides when a message is acknowledged, refused or
// never answered, and when the connection is there. The contract is ours, so nothing real is imitated here.

import type { Hub, HubFactory, Message } from '../../agent/src/delivery/hubs/hub.ts';
import { Fault } from '../../agent/src/model/fault.ts';

export interface Sent {
  readonly message: Message;
  /** Which connection it went over: 1, 2, 3… */
  readonly connection: number;
  acknowledge(): void;
  refuse(fault: Fault): void;
}

export interface ScriptedHub {
  readonly factory: HubFactory;
  /** Everything that was sent, in order, over all connections. */
  readonly sent: Sent[];
  /** What connecting answers; undefined is success. */
  refuses: Fault | undefined;
  /** Called with every message when it is sent; the default leaves it unanswered. */
  answer: (sent: Sent) => void;
  /** Connections made so far, and those that were not closed. */
  readonly connections: number;
  readonly open: number;
  /** Cuts the open connection; what was sent is rejected, as every hub does. */
  cut(): void;
}

export const acknowledge = (sent: Sent) => sent.acknowledge();

export function scriptedHub(answer: (sent: Sent) => void = () => {}): ScriptedHub {
  const sent: Sent[] = [];
  let made = 0;
  let open = 0;
  let cut = () => {};
  const hub: ScriptedHub = {
    factory: () => connection(),
    sent,
    refuses: undefined,
    answer,
    get connections() {
      return made;
    },
    get open() {
      return open;
    },
    cut: () => cut(),
  };

  function connection(): Hub {
    const lost = Promise.withResolvers<Error>();
    const unanswered = new Set<(fault: Fault) => void>();
    let number = 0;
    const end = (fault: Fault) => {
      for (const reject of unanswered) reject(fault);
      unanswered.clear();
    };
    return {
      lost: lost.promise,
      async connect() {
        if (hub.refuses) throw hub.refuses;
        number = ++made;
        open++;
        cut = () => {
          const fault = new Fault('hub.closed', 'cut by the test');
          lost.resolve(fault);
          end(fault);
        };
      },
      send(message) {
        return new Promise<void>((resolve, reject) => {
          unanswered.add(reject);
          const settle = (done: () => void) => {
            if (unanswered.delete(reject)) done();
          };
          const one: Sent = {
            message,
            connection: number,
            acknowledge: () => settle(resolve),
            refuse: (fault) => settle(() => reject(fault)),
          };
          sent.push(one);
          hub.answer(one);
        });
      },
      async close() {
        if (number > 0) open--;
        number = 0;
        end(new Fault('hub.closed', 'closed'));
      },
    };
  }
  return hub;
}
