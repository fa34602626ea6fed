import { Command } from 'commander';
import { EXIT, fail } from './fail.ts';

interface Entry {
  name: string;
  description: string;
  load: () => Promise<Command>;
}

/** Loaded only when asked for: some bring a Kubernetes client or a machine emulator with them. */
const COMMANDS: readonly Entry[] = [
  {
    name: 'up',
    description: 'run Ingot on this machine, with its own API',
    load: async () => (await import('./up.ts')).upCommand(),
  },
  {
    name: 'operator',
    description: 'run Ingot on a Kubernetes cluster’s API',
    load: async () => (await import('./operator.ts')).operatorCommand(),
  },
  {
    name: 'explain',
    description: 'say in plain words what a host is doing and what it waits for',
    load: async () => (await import('./explain.ts')).explainCommand(),
  },
  {
    name: 'logs',
    description: 'show what a host’s agent logged',
    load: async () => (await import('./logs.ts')).logsCommand(),
  },
  {
    name: 'console',
    description: 'attach this terminal to a machine’s serial console',
    load: async () => (await import('./console.ts')).consoleCommand(),
  },
  {
    name: 'bmc',
    description: 'look at and control one BMC directly',
    load: async () => (await import('./bmc/bmc.ts')).bmcCommand(),
  },
  {
    name: 'image',
    description: 'pack, inspect and verify disk images',
    load: async () => (await import('./image.ts')).imageCommand(),
  },
  {
    name: 'lab',
    description: 'run virtual machines behind BMCs to try things on',
    load: async () => (await import('./lab.ts')).labCommand(),
  },
  {
    name: 'sim',
    description: 'run simulated BMCs without machines, up to thousands',
    load: async () => (await import('./sim.ts')).simCommand(),
  },
];

async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('ingot')
    .description('Bare-metal provisioning: BMC, network boot, disk imaging and host lifecycle in one program.')
    .version('0.1.0')
    .showHelpAfterError('(see --help)')
    .exitOverride();
  const wanted = argv[0] === 'help' ? argv[1] : argv[0];
  for (const { name, description, load } of COMMANDS) {
    program.addCommand(wanted === name ? exiting(await load()) : new Command(name).description(description));
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (isUsage(error)) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    else fail(error);
  }
}

/** Usage errors are thrown, not exited on, in subcommands too. */
function exiting(command: Command): Command {
  command.exitOverride().showHelpAfterError('(see --help)');
  for (const child of command.commands) exiting(child);
  return command;
}

function isUsage(error: unknown): error is Error & { exitCode: number } {
  return error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number';
}

// `ingot … | head` ends the reader first; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.ok);
});

await main(process.argv.slice(2));
