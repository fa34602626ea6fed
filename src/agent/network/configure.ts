import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { RAMDISK_FILES } from '../../agent-protocol/messages.ts';
import { readNetworkData } from '../../agent-protocol/network-data.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import { exec } from '../../core/exec.ts';
import type { Logger } from '../../core/log.ts';
import { agentErrors } from '../errors.ts';
import { readNics } from '../inspect/nics.ts';
import type { Tree } from '../inspect/tree.ts';
import { type NetworkPlan, type NetworkStep, planNetwork } from './plan.ts';

/** Says that the network of this boot is made: the agent may be started again. */
const DONE = '/run/ingot/network';
/** Drivers may take their time to find a card, ms. */
const CARD_WAIT_MS = 30_000;
const CARD_POLL_MS = 250;

/**
 * Makes the network that came with this machine's ISO; without any, /init has asked DHCP.
 * @throws AGENT_NETWORK
 */
export async function configureNetwork(doors: { tree: Tree; clock: Clock; log: Logger }): Promise<void> {
  const { log } = doors;
  const text = await readFile(RAMDISK_FILES.networkData, 'utf8').catch(() => undefined);
  if (text === undefined || (await exists(DONE))) return;
  const read = readNetworkData(JSON.parse(text));
  if (!read.ok) throw agentErrors.make('AGENT_NETWORK', `network data: ${read.problem}`);
  const plan = await planWithCards(doors, (cards) => planNetwork(read.data, cards));
  for (const step of plan) await done(step);
  await mkdir('/run/ingot', { recursive: true });
  await writeFile(DONE, '');
  log.info('network made from the network data on the medium', { networks: read.data.networks.length });
}

/** Waits for the cards that the data name. */
async function planWithCards(
  { tree, clock }: { tree: Tree; clock: Clock },
  plan: (cards: { name: string; mac: string }[]) => NetworkPlan,
): Promise<readonly NetworkStep[]> {
  const until = clock.monotonic() + CARD_WAIT_MS;
  for (;;) {
    const cards = (await readNics(tree)).map((n) => ({ name: n.kernelName, mac: n.mac }));
    const made = plan(cards);
    if (made.ok) return made.steps;
    if (clock.monotonic() >= until) {
      const there = cards.map((c) => c.mac).join(', ');
      const text = `network data: no card has the MAC address ${made.missing.join(', ')}; there are ${there === '' ? 'none' : there}`;
      throw agentErrors.make('AGENT_NETWORK', text);
    }
    await sleep(clock, CARD_POLL_MS);
  }
}

async function done(step: NetworkStep): Promise<void> {
  try {
    if (step.kind === 'write') await writeFile(step.path, step.text);
    else await exec(step.argv[0], step.argv.slice(1));
  } catch (error) {
    const what = step.kind === 'write' ? `writing ${step.path}` : step.argv.join(' ');
    throw agentErrors.make('AGENT_NETWORK', `${what}: ${errorText(error)}`, { cause: error });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
