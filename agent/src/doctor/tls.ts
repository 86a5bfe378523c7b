// The TLS of a hub: does it speak it, who is it, who vouches for it, and for how long. The connection is closed as soon
// as the certificate has been shown; nothing is sent.

import { isIP } from 'node:net';
import { connect, type PeerCertificate } from 'node:tls';
import { describe } from '../model/fault.ts';
import { broken, codeOf, good, Late, type Look, odd, within } from './look.ts';

const DEADLINE_MS = 5_000;
const DAY_MS = 86_400_000;

/** What the handshake told. */
export interface Shown {
  /** OpenSSL's or Node's code of what is wrong; undefined: nothing. */
  readonly error: string | undefined;
  readonly subject: string;
  readonly issuer: string;
  /** Names and addresses it is for, as in the certificate. */
  readonly names: string;
  /** ms since 1970 */
  readonly from: number;
  readonly to: number;
  /** `TLSv1.3` */
  readonly version: string;
}

/** The peer as the gateway sees it. */
export interface Peer {
  /** As the gateway calls it. */
  readonly host: string;
  readonly port: number;
  /** PEM; undefined: the CAs that Node knows. */
  readonly ca: string | undefined;
  /** Whose word counts: `hub.ca`, the trust bundle. */
  readonly by: string;
  /** Fewer days left than this deserve a look: a person renews it, or the IoT Edge runtime by itself. */
  readonly soon: number;
}

export function judgeTls(shown: Shown, { host, by, soon }: Pick<Peer, 'host' | 'by' | 'soon'>, now: number): Look {
  const { error, subject, issuer, names, from, to, version } = shown;
  const days = Math.floor((to - now) / DAY_MS);
  const ago = (ms: number) => `${Math.max(1, Math.round(ms / DAY_MS))} days`;
  switch (error) {
    case undefined: {
      const what = `${version}, ${subject}, vouched for by ${issuer}, ${days} days left`;
      return days > soon ? good('tls', what) : odd('tls', what, 'renew it in time: the gateway refuses it afterwards');
    }
    case 'CERT_HAS_EXPIRED':
      return broken(
        'tls',
        `the certificate of ${subject} ended ${ago(now - to)} ago, or that of who vouches for it`,
        'renew it on the hub; is the clock of this host right?',
      );
    case 'CERT_NOT_YET_VALID':
      return broken(
        'tls',
        `the certificate of ${subject} begins in ${ago(from - now)}`,
        'set the clock of this host, or that of the hub',
      );
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return broken(
        'tls',
        `the certificate is for ${names || subject}, not for ${host}`,
        'call the hub by a name that its certificate has, or give it one with this name',
      );
    default:
      return broken(
        'tls',
        `nobody in ${by} vouches for the certificate of ${subject}, made by ${issuer} (${error})`,
        `${by} must hold the CA that made it, up to its root`,
      );
  }
}

/** What an attempt that ended before any certificate means. */
export function judgeFailure(thrown: unknown, place: string): Look {
  const code = codeOf(thrown);
  if (thrown instanceof Late) {
    return broken(
      'tls',
      `${place} takes connections and does not answer: ${thrown.message}`,
      'the hub hangs, or a firewall swallows what follows the first packet: restart the one, ask about the other',
    );
  }
  if (code === 'EPROTO' || code?.startsWith('ERR_SSL_')) {
    return broken(
      'tls',
      `${place} does not speak TLS (${code})`,
      'is that the port for TLS (8883)? Without TLS the url begins with mqtt://',
    );
  }
  return broken('tls', `${place}: ${describe(thrown)}`, 'the log of the hub says why it hangs up');
}

export async function tls(peer: Peer, signal: AbortSignal): Promise<Look> {
  try {
    return judgeTls(await within(DEADLINE_MS, signal, (ending) => shake(peer, ending)), peer, Date.now());
  } catch (thrown) {
    return judgeFailure(thrown, `${peer.host}:${peer.port}`);
  }
}

function shake({ host, port, ca }: Peer, signal: AbortSignal): Promise<Shown> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(ca !== undefined && { ca }),
      ...(isIP(host) === 0 && { servername: host }),
      // The verdict is made here, in words; what is not trusted is told nothing.
      rejectUnauthorized: false,
    });
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed during the handshake')));
    socket.once('secureConnect', () => {
      const peer = socket.getPeerCertificate();
      const wrong = socket.authorizationError as unknown;
      resolve({
        error: socket.authorized ? undefined : (codeOf(wrong) ?? String(wrong)),
        subject: named(peer.subject),
        issuer: named(peer.issuer),
        names: peer.subjectaltname ?? '',
        from: Date.parse(peer.valid_from),
        to: Date.parse(peer.valid_to),
        version: socket.getProtocol() ?? 'TLS',
      });
      socket.destroy();
    });
  });
}

function named(name: PeerCertificate['subject'] | undefined): string {
  const { CN, O } = (name ?? {}) as { CN?: string | string[]; O?: string | string[] };
  return String(CN ?? O ?? 'somebody without a name');
}
