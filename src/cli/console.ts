import { Command, Option } from 'commander';
import { bmcAnnotations } from '../api/annotations.ts';
import type { Bmc } from '../bmc/bmc.ts';
import type { ConsoleStream } from '../bmc/capabilities.ts';
import { openBmc } from '../bmc/open.ts';
import { systemClock } from '../core/clock.ts';
import { pinoLogger } from '../core/log-pino.ts';
import { silentLogger } from '../core/log.ts';
import { need } from './bmc/leaf.ts';
import { PASSWORD_VARIABLE } from './bmc/password.ts';
import { type TargetOptions, resolveTarget } from './bmc/target.ts';
import { KEYS_HELP, type KeysState, readKeys } from './console-keys.ts';
import { fail } from './fail.ts';
import { DEFAULT_DATA_DIR } from './up.ts';

interface Options extends TargetOptions {
  verbose?: boolean;
}

/** `ingot console HOST`: the machine's serial console in this terminal. */
export function consoleCommand(): Command {
  return new Command('console')
    .description('Attach this terminal to a machine’s serial console (serial over LAN).')
    .argument('<target>', 'a BareMetalHost: NAME, NAMESPACE/NAME; or a BMC: ipmi://USER@HOST[:PORT], HOST[:PORT]')
    .option('--username <name>', 'user name on the BMC (default: the one in the address)')
    .option('--password-file <file>', `file with the password (default: ${PASSWORD_VARIABLE}, else a prompt)`)
    .option('-n, --namespace <name>', 'namespace of the BareMetalHost (default: the kubeconfig’s)')
    .option('--kubeconfig <file>', 'for a BareMetalHost; default: KUBECONFIG, then the data folder’s')
    .addOption(new Option('--data <dir>', 'data folder of ingot up').default(DEFAULT_DATA_DIR))
    .option('--verbose', 'log what happens on the wire to stderr')
    .addHelpText(
      'after',
      `
Keys: ${KEYS_HELP}.
When standard input is no terminal, nothing is typed: the console is printed until ctrl-C.`,
    )
    .action(run);
}

async function run(text: string, options: Options): Promise<void> {
  try {
    const target = await resolveTarget(text, options);
    const bmc = openBmc({
      address: target.address,
      credentials: target,
      disableCertificateVerification: target.disableCertificateVerification,
      ...(target.host === undefined ? {} : bmcAnnotations(target.host)),
      doors: {
        clock: systemClock,
        random: Math.random,
        log: options.verbose === true ? pinoLogger('debug') : silentLogger,
      },
    });
    try {
      await attach(bmc);
    } finally {
      await bmc.close();
    }
  } catch (error) {
    fail(error);
  }
}

/** Runs the terminal at the console until the person detaches, a signal comes, or the BMC ends it. */
async function attach(bmc: Bmc): Promise<void> {
  const control = need(bmc, 'console');
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, onSignal);
  const say = (text: string) => void process.stderr.write(`\r\n[${text}]\r\n`);
  // Given up by a signal before it is open: nothing to close, nothing to say.
  const stream = await control.open(stop.signal, say).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  if (stream === undefined) return;
  await using console = stream;
  const { stdin } = process;
  const typing = stdin.isTTY;
  using _terminal = typing ? rawTerminal(stdin) : undefined;
  say(typing ? `console of ${bmc.address}; ${KEYS_HELP}` : `console of ${bmc.address}, output only`);
  if (typing) type(stdin, console, stop, say);
  // A dark screen has a reason. Nothing depends on the answer.
  void bmc.powerState(stop.signal).then(
    (power) => power === 'off' && say('the machine is powered off: it prints nothing before it is switched on'),
    () => {},
  );
  stop.signal.addEventListener('abort', () => void console[Symbol.asyncDispose](), { once: true });
  for await (const bytes of console.output) {
    if (!process.stdout.write(bytes)) await new Promise<void>((done) => process.stdout.once('drain', () => done()));
  }
  say('console closed');
}

function type(
  stdin: NodeJS.ReadStream,
  console: ConsoleStream,
  stop: AbortController,
  say: (text: string) => void,
): void {
  let state: KeysState = { escaped: false };
  const act = (typed: Uint8Array) => {
    const read = readKeys(state, typed);
    ({ state } = read);
    // Nothing waits for the BMC here: what is typed keeps its order, and a detach is at once.
    for (const action of read.actions) {
      if (action.kind === 'detach') stop.abort();
      else if (action.kind === 'help') say(KEYS_HELP);
      else if (action.kind === 'break') void console.sendBreak();
      else void console.write(action.bytes);
    }
  };
  stdin.on('data', act);
  stdin.on('end', () => stop.abort());
}

/** Raw keys in, and the terminal as it was on every way out, an exit from anywhere included. */
function rawTerminal(stdin: NodeJS.ReadStream): Disposable {
  const restore = () => void stdin.setRawMode(false);
  process.once('exit', restore);
  stdin.setRawMode(true);
  stdin.resume();
  return {
    [Symbol.dispose]() {
      restore();
      process.off('exit', restore);
      stdin.pause();
    },
  };
}
