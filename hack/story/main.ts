/** The demo: see `hack/demo --help`. */
import { rm } from 'node:fs/promises';
import { errorText } from '../../src/core/errors.ts';
import { assertUndisturbed, consoleTails, deprovision, enrol, enrolExisting, powerOff, provision } from './acts.ts';
import { Display } from './display.ts';
import { type DemoOptions, HELP, parseOptions } from './options.ts';
import { type Report, phaseSeconds, report, summary } from './report.ts';
import { type Stage, build, setStage, stageDir } from './stage.ts';

const parsed = parseOptions(process.argv.slice(2));
if (parsed.kind === 'help') process.stdout.write(HELP);
else if (parsed.kind === 'wrong') {
  process.stderr.write(`demo: ${parsed.why}\n\n${HELP}`);
  process.exitCode = 2;
} else process.exitCode = await run(parsed.options);

async function run(options: DemoOptions): Promise<number> {
  const display = new Display(process.stderr);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  const closers: (() => Promise<unknown>)[] = [];
  const times: Record<string, number> = {};
  let stage: Stage | undefined;
  let result: Report;
  const started = performance.now();
  try {
    const built = await timed(times, 'build', () => build(options, display, stop.signal));
    stage = await timed(times, 'start', () => setStage(options, built, display, stop.signal, closers));
    result = await play(stage, options, display, times);
  } catch (error) {
    const why = stop.signal.aborted ? errorText(stop.signal.reason) : errorText(error);
    result = { result: 'failed', error: why, firmware: options.firmware, phases: times };
    if (!stop.signal.aborted) await explainFailure(stage, display, why);
  }
  result.seconds = round((performance.now() - started) / 1000);
  display.settle();
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else process.stdout.write(summary(result));
  if (options.keep && stage !== undefined && !stop.signal.aborted) await keep(stage, stop.signal);
  const dir = stageDir(options);
  display.say('taking the lab down');
  for (const closer of closers.toReversed()) await closer().catch((error) => display.say(errorText(error)));
  if (result.result === 'ok') await rm(dir, { recursive: true, force: true });
  else display.say(`consoles and logs are in ${dir}`);
  return result.result === 'ok' ? 0 : 1;
}

/** The story itself. Every step throws when it does not come true. */
async function play(
  stage: Stage,
  options: DemoOptions,
  display: Display,
  times: Record<string, number>,
): Promise<Report> {
  const [untouched] = await Promise.all([
    timed(times, 'enrolExisting', () => enrolExisting(stage, display)),
    timed(times, 'enrol', () => enrol(stage, display)),
  ]);
  const callbacks = await timed(times, 'provisionAndBoot', () => provision(stage, display));
  const served = await report(stage, callbacks);
  await timed(times, 'deprovision', () => deprovision(stage, display));
  await timed(times, 'powerOff', () => powerOff(stage, display));
  assertUndisturbed(stage.existing, untouched);
  display.say(
    `${stage.existing.name}: never disturbed (same process, ${untouched.boots} boot since before it was enrolled)`,
  );
  const phases = { ...times, ...phaseSeconds(stage, callbacks) };
  return { result: 'ok', firmware: options.firmware, hosts: stage.hosts.length, ...served, phases };
}

async function keep(stage: Stage, signal: AbortSignal): Promise<void> {
  const { network } = stage.lab;
  const first = stage.hosts[0];
  process.stderr.write(`
The lab stays up. In another terminal, as root:
  export KUBECONFIG=${stage.engine.kubeconfig}
  kubectl get bmh -w
  kubectl get hostprogress -w
  kubectl patch bmh ${first?.name} --type merge -p '{"spec":{"online":true,"image":{"url":"${stage.web.imageUrl}","checksum":"${stage.image.sha256}","format":"qcow2"}}}'
  hack/ingot explain ${first?.name}
  hack/ingot console ${first?.name}                 # its serial console; ctrl-] . detaches
  tail -f ${first?.consolePath}
  ip netns exec ${network.namespace} bash        # inside the lab's network, ${network.bridgeAddress} on ${network.bridge}
  IPMI_PASSWORD=${first?.password} ipmitool -I lanplus -C 17 -H ${network.hostAddress} -p 6230 -U ${first?.username} -E chassis status
Ctrl-C takes it down.
`);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function explainFailure(stage: Stage | undefined, display: Display, why: string): Promise<void> {
  display.say(`FAILED: ${why}`);
  if (stage !== undefined) process.stderr.write(`${await consoleTails(stage.hosts)}\n`);
}

async function timed<T>(times: Record<string, number>, name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  try {
    return await work();
  } finally {
    times[name] = round((performance.now() - start) / 1000);
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
