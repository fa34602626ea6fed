import { Agent, type AgentOptions } from 'node:https';
import { type TLSSocket, connect } from 'node:tls';
import type { Duplex } from 'node:stream';
import { agentErrors } from '../errors.ts';

/**
 * Connections to the one server whose certificate has the given fingerprint. Names and dates in the certificate do not
 * count (the machine's clock may be years off); nothing is sent before the certificate was seen and found right.
 */
export class PinnedAgent extends Agent {
  readonly #fingerprint: string;

  /** @param fingerprint SHA-256 of the DER certificate, lower-case hex */
  constructor(fingerprint: string, options: AgentOptions = {}) {
    // A resumed session brings no certificate to look at, so every connection makes a full handshake.
    super({ ...options, keepAlive: true, maxCachedSessions: 0 });
    this.#fingerprint = fingerprint;
  }

  override createConnection(
    options: AgentOptions & { host?: string; port?: number | string; servername?: string },
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const socket = connect({
      host: options.host ?? '',
      port: Number(options.port),
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    });
    const done = (error: Error | null) => {
      socket.off('error', done);
      if (error !== null) socket.destroy();
      callback?.(error, socket);
    };
    socket.once('error', done);
    socket.once('secureConnect', () => done(this.#verify(socket)));
    return undefined;
  }

  #verify(socket: TLSSocket): Error | null {
    const seen = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase();
    if (seen === this.#fingerprint) return null;
    return agentErrors.make(
      'AGENT_TLS_FINGERPRINT',
      `the server’s certificate has fingerprint ${seen ?? '(none)'}, expected ${this.#fingerprint}`,
    );
  }
}
