// The pump that keeps a session's subscriptions talking: a few Publish requests always wait at the server, every
// response is handed on, acknowledged and answered with the next request (OPC 10000-4 section 5.14.5). It replaces
// node-opcua's ClientSubscription, which loses its pump without a word on BadNoSubscription, swallows what handlers
// throw, looks types up over the network between two messages, and can reject where nobody catches.

import { PublishRequest, type PublishResponse } from 'node-opcua-client';
import { describe, Fault } from '../../../model/fault.ts';
import { StatusCode } from '../../../model/status.ts';
import { faultOf, serviceResult } from '../source/faults.ts';
import type { Session } from '../source/session.ts';

/** Requests waiting at the server: enough to bridge the latency of a site's WAN, few enough for the smallest PLC. */
const IN_FLIGHT = 3;

/** A request may wait at the server as long as nothing happens; the watchdog looks after silence. */
const PATIENCE_MS = 3_600_000;

/** Failures in a row of a server that answers, before the connection is given up. */
const MOST_FAILURES = 10;

export interface Acknowledgement {
  readonly subscriptionId: number;
  readonly sequenceNumber: number;
}

export interface Publisher {
  /** Tells the server, with the next request, that this message was taken and need not be kept. */
  acknowledge(subscriptionId: number, sequenceNumber: number): void;
  /** Sends nothing more and watches no longer. */
  stop(): void;
}

/**
 * @param silence in ms: without any message for so long the source counts as silent
 * @param received is given every message, keep-alives too. While it waits for an earlier one, the server gets that
 * many requests fewer. It must not fail, but if it does the connection ends
 * @param fail told once, with a Fault, when publishing cannot go on
 * @param taken messages that were had before in another way
 */
export function startPublishing(
  session: Session,
  silence: number,
  received: (response: PublishResponse) => Promise<void> | undefined,
  fail: (fault: Fault) => void,
  taken: readonly Acknowledgement[] = [],
): Publisher {
  let stopped = false;
  let waiting = 0;
  let held = 0;
  let most = IN_FLIGHT;
  let failures = 0;
  let heard = 0;
  let acknowledgements = [...taken];

  const end = (fault: Fault) => {
    if (stopped) return;
    stop();
    fail(fault);
  };
  const stop = () => {
    stopped = true;
    clearTimeout(watchdog);
  };
  const barked = () => {
    // After a pause of the whole process (a suspended machine) the messages may be waiting in the socket: read first.
    const before = heard;
    setImmediate(() => {
      if (heard === before) end(new Fault('source.silent', `no notification and no keep-alive in ${silence} ms`));
      else if (!stopped) watchdog.refresh();
    });
  };
  const watchdog = setTimeout(barked, silence);

  const fill = () => {
    while (!stopped && waiting + held < most) send();
  };
  const send = () => {
    waiting += 1;
    const request = new PublishRequest({
      requestHeader: { timeoutHint: PATIENCE_MS },
      subscriptionAcknowledgements: acknowledgements,
    });
    acknowledgements = [];
    session.publish(request, (error, response) => {
      waiting -= 1;
      if (stopped) return;
      if (response) accept(response);
      else refused(error);
      fill();
    });
  };

  const accept = (response: PublishResponse) => {
    failures = 0;
    heard += 1;
    watchdog.refresh();
    try {
      const turn = received(response);
      if (turn === undefined) return done(response);
      held += 1;
      turn
        .then(() => done(response), failed)
        .finally(() => {
          held -= 1;
          fill();
        });
    } catch (error) {
      failed(error);
    }
  };

  const failed = (error: unknown) => {
    end(
      error instanceof Fault
        ? error
        : new Fault('internal.unexpected', `a notification could not be taken: ${describe(error)}`, error),
    );
  };

  /** A keep-alive carries the number of the next message and is not acknowledged. */
  const done = ({ subscriptionId, notificationMessage }: PublishResponse) => {
    if (notificationMessage.notificationData?.length) {
      acknowledgements.push({ subscriptionId, sequenceNumber: notificationMessage.sequenceNumber });
    }
  };

  const refused = (error: unknown) => {
    const status = serviceResult(error ?? {});
    failures += 1;
    if (status === undefined) {
      // No answer at all: the channel is gone, and its owner knows.
      end(new Fault('source.closed', `publishing ended: ${describe(error)}`, error));
    } else if (status === StatusCode.BadTooManyPublishRequests && waiting > 0) {
      most = waiting;
    } else if (status !== StatusCode.BadTimeout || failures > MOST_FAILURES) {
      end(faultOf(status, 'publishing', error));
    }
  };

  fill();
  return {
    stop,
    acknowledge(subscriptionId, sequenceNumber) {
      acknowledgements.push({ subscriptionId, sequenceNumber });
    },
  };
}
