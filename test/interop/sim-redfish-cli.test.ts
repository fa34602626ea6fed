/**
 * `ingot bmc` as a person uses it, against `ingot sim` as a person starts it: every subcommand by both protocols, for people and
 * as JSON; passwords by all ways; what people get wrong; and that no trace and no output holds a secret.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, suite, test } from 'node:test';
import { exec } from '../../src/core/exec.ts';
import { NS, Standalone } from '../support/standalone.ts';

const INGOT = path.resolve(import.meta.dirname, '../../hack/ingot');
const PASSWORD = 'op3rator’s secret';
const ENV = { INGOT_BMC_PASSWORD: PASSWORD };

interface Member {
  name: string;
  personality: string;
  mac: string;
  ipmiAddress: string;
  redfishAddress: string;
}

/** `ingot sim`, ended with Ctrl-C. */
class Sim {
  readonly members: readonly Member[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, members: readonly Member[]) {
    this.#child = child;
    this.members = members;
  }

  static async start(...more: string[]): Promise<Sim> {
    const args = ['sim', '--first-port', '0', '--password', PASSWORD, '--json', ...more];
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', INGOT, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const { promise, resolve, reject } = Promise.withResolvers<readonly Member[]>();
    createInterface({ input: child.stdout }).on('line', (line) => resolve(JSON.parse(line).members));
    child.once('exit', (code) => reject(new Error(`ingot sim ended with ${code}`)));
    return new Sim(child, await promise);
  }

  /** With the user in it. */
  address(personality: string, protocol: 'ipmi' | 'redfish' = 'redfish'): string {
    const member = this.members.find((m) => m.personality === personality);
    assert.ok(member, personality);
    return (protocol === 'ipmi' ? member.ipmiAddress : member.redfishAddress).replace('://', '://admin@');
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGINT');
    await ended;
  }
}

/** `ingot bmc …` to its end. */
async function ingot(args: readonly string[], env: Record<string, string> = ENV) {
  const { code, stdout, stderr } = await exec(INGOT, ['bmc', ...args], { ok: [0, 1, 2], env });
  assert.ok(!`${stdout}${stderr}`.includes(PASSWORD), `the password is printed: ${args.join(' ')}`);
  return { code, stdout, stderr };
}

async function people(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await ingot(args);
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
  return stdout;
}

async function machines(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await ingot([...args, '--json']);
  assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
  assert.equal(stdout.trim().split('\n').length, 1, 'one object, one line');
  return JSON.parse(stdout) as Record<string, unknown>;
}

suite('ingot bmc against ingot sim', { timeout: 540_000, concurrency: 3 }, () => {
  let sim: Sim;
  let dir: string;
  const images = createServer((request, response) => {
    response.end(`component=${request.url?.slice(1)}\nversion=77.7\n`);
  });
  let imageUrl = '';
  before(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'ingot-sim-cli-'));
    const personalities = ['plain', 'dell-idrac9', 'hpe-ilo6', 'lenovo-xcc', 'fujitsu-irmc', 'nvidia-dgx'];
    sim = await Sim.start('--count', String(personalities.length), '--personality', ...personalities);
    await new Promise<void>((resolve) => images.listen(0, '127.0.0.1', resolve));
    imageUrl = `http://127.0.0.1:${(images.address() as AddressInfo).port}`;
  });
  after(async () => {
    await sim?.close();
    images.close();
    await rm(dir, { recursive: true });
  });

  test('power and boot by Redfish and by IPMI: one machine, two protocols', async () => {
    const redfish = sim.address('plain');
    const ipmi = sim.address('plain', 'ipmi');
    assert.match(await people('status', redfish), /^address +redfish\S+\npower +off\nboot +none\nprotocol +Redfish 1/);
    assert.match(await people('boot', ipmi, 'pxe'), /boot +pxe\npersistence +once\nboot firmware +uefi/);
    assert.match(await people('on', redfish), /action +on\npower +on/);
    assert.equal((await machines('status', ipmi))['power'], 'on');
    assert.equal((await machines('boot', redfish, 'disk', '--persistent'))['persistence'], 'persistent');
    assert.match(await people('boot', ipmi, 'none'), /boot +none/);
    assert.equal((await machines('cycle', ipmi))['power'], 'on');
    assert.match(await people('reset', redfish), /power +on/);
    assert.match(await people('soft', ipmi), /action +soft-off/);
    assert.equal((await machines('off', redfish))['power'], 'off');
    assert.match(await people('identify', ipmi, '3'), /locator +on\nseconds +3/);
    assert.equal((await machines('identify', redfish, '0'))['locator'], 'off');
    assert.equal((await machines('boot-mode', redfish))['bootMode'], 'uefi');
    assert.match(await people('secure-boot', redfish), /secure boot +off/);
  });

  test('what a BMC shows, by both protocols', async () => {
    const redfish = sim.address('hpe-ilo6');
    const ipmi = sim.address('hpe-ilo6', 'ipmi');
    assert.match(await people('info', redfish), /serial number +\S+\n[^]*memory MiB +131072\nnics +52:54:00/);
    assert.match(String((await machines('info', ipmi))['offers']), /a serial console/);
    for (const address of [redfish, ipmi]) {
      assert.match(await people('sensors', address), /^NAME +KIND +READING +UNIT/);
      assert.ok(Array.isArray((await machines('sensors', address))['items']));
      assert.ok(Array.isArray((await machines('sel', address, 'list', '--limit', '5'))['items']));
      assert.match(await people('users', address), /^ID +NAME +ROLE +ENABLED\n\d +admin +administrator +true/i);
      assert.match(await people('sel', address, 'clear'), /sel +cleared/);
    }
    assert.match(await people('sel', redfish), /^no entries|^ID/);
    assert.match(await people('fru', ipmi), /^AREA +NAME +VALUE\nChassis/);
    const clock = await machines('clock', redfish);
    assert.ok(Math.abs(Number(clock['secondsAhead'])) < 60);
  });

  test('certificates say whose they are; a self-signed one is refused with the ways out', async () => {
    const fujitsu = sim.address('fujitsu-irmc');
    const { code, stderr } = await ingot(['status', fujitsu]);
    assert.equal(code, 1);
    assert.match(stderr, /^BMC_TLS_UNTRUSTED: .*self-signed.*sha256:[0-9a-f]{64} \(.*--fingerprint.*--ca.*--insecure/);
    const [pin = ''] = /sha256:[0-9a-f]{64}/.exec(stderr) ?? [];
    const table = await people('certificates', fujitsu, '--fingerprint', pin);
    assert.match(table, /^SUBJECT +ISSUER +NOT AFTER +FINGERPRINT\nbmc\.sim +bmc\.sim +20\d\d-\S+ +sha256:/);
    assert.ok(table.includes(pin));
  });

  test('virtual media, BIOS settings, firmware and RAID, by the ids that the lists show', async () => {
    const dell = sim.address('dell-idrac9');
    assert.match(await people('media', 'list', dell), /^ID +NAME +KINDS +INSERTED\nRemovableDisk .*\nCD +Virtual CD/);
    const iso = 'http://192.0.2.1/rescue.iso';
    assert.equal((await machines('media', 'insert', dell, iso))['image'], iso);
    assert.match(await people('media', 'eject', dell, 'CD'), /CD +Virtual CD +cd dvd +false/);

    assert.match(await people('bios', 'get', dell, 'NumLock', 'SysProfile'), /NAME +VALUE +CHOICES\nNumLock +true/);
    assert.match(
      await people('bios', 'set', dell, 'NumLock=false'),
      /applies +at the next start\nNAME +VALUE\nNumLock/,
    );
    const { items } = await machines('bios', 'get', dell, 'NumLock');
    assert.deepEqual(items, [{ name: 'NumLock', value: true, pending: false }]);
    assert.match(await people('clear-jobs', dell), /cleared +\d/);
    assert.match(await people('bios', 'reset', dell), /factory settings at the next start/);

    assert.match(await people('firmware', 'list', dell), /^COMPONENT +NAME +VERSION +UPDATEABLE\nbios /);
    const begun = await machines('firmware', 'update', dell, 'BIOS', `${imageUrl}/BIOS`, '--no-wait');
    assert.equal(begun['component'], 'bios');
    const handle = String(begun['handle']);
    assert.match(await people('firmware', 'state', dell, handle), /kind +(running|needs-restart)/);
    const file = path.join(dir, 'nic.bin');
    await writeFile(file, 'component=NIC1\nversion=30.1\n');
    assert.match(await people('firmware', 'update', sim.address('plain'), 'NIC1', file), /kind +done/);

    const lenovo = sim.address('lenovo-xcc');
    assert.match(await people('raid', 'list', lenovo), /\ncontroller +RAID controller .* RAID1\ndrive .* Disk\.Bay\.0/);
    const made = await people('raid', 'create', lenovo, 'RAID1', '1', 'Disk.Bay.0', 'Disk.Bay.1', '--name', 'root');
    assert.match(made, /volume +(done|pending)/);
    let volume = '';
    for (let i = 0; volume === ''; i++) {
      assert.ok(i < 60, 'no volume came');
      const list = (await machines('raid', 'list', lenovo))['items'] as { what: string; name: string; id: string }[];
      volume = list.find((row) => row.what === 'volume' && row.name === 'root')?.id ?? '';
    }
    assert.match(await people('raid', 'delete', lenovo, volume), /deleted +(done|pending)/);
  });

  test('a BMC is restarted, and answers again', async () => {
    const plain = sim.address('nvidia-dgx');
    assert.match(await people('restart-bmc', plain), /restart +asked for/);
    assert.match(await people('status', plain), /power +off/);
  });

  test('passwords: a file, the environment, a prompt that shows nothing', async () => {
    const plain = sim.address('plain', 'ipmi');
    const file = path.join(dir, 'password');
    await writeFile(file, `${PASSWORD}\n`, { mode: 0o600 });
    const none = { INGOT_BMC_PASSWORD: '' };
    assert.equal((await ingot(['status', plain, '--password-file', file], none)).code, 0);
    const unset = await ingot(['status', plain], none);
    assert.match(unset.stderr, /^BMC_CREDENTIALS_INVALID: no password.*INGOT_BMC_PASSWORD or give --password-file/);
    const typed = await onTerminal(['bmc', 'status', plain], `${PASSWORD}\r`);
    assert.match(typed, /Password of admin at ipmi:\/\/127\.0\.0\.1:\d+: \s+address +ipmi/);
    assert.ok(!typed.includes(PASSWORD), 'no echo');
    assert.match(await onTerminal(['bmc', 'status', plain], '\u0003'), /interrupted at the password/);
  });

  const wrong: [string, (sim: Sim) => string[], number, RegExp][] = [
    ['scheme', () => ['status', 'ipmy://admin@127.0.0.1'], 1, /^BMC_SCHEME_UNKNOWN: ipmy:.*\(write ipmi:\/\/USER@HOST/],
    ['no user', () => ['status', '127.0.0.1'], 1, /^BMC_CREDENTIALS_INVALID: no user name.*--username/],
    [
      'system',
      (s) => ['status', s.address('plain').replace(/1$/, '9')],
      1,
      /^BMC_SYSTEM_NOT_FOUND: .*it has \/redfish/,
    ],
    [
      'two systems',
      (s) => ['status', s.address('nvidia-dgx').replace(/\/redfish.*/, '')],
      1,
      /^BMC_SYSTEM_AMBIGUOUS: .*Systems\/DGX, .*HGX_Baseboard_0 \(put the path of one behind the address/,
    ],
    ['nobody', () => ['status', 'redfish+http://admin@127.0.0.1:9'], 1, /^BMC_UNREACHABLE: .*connection refused/],
    [
      'quirk',
      (s) => ['status', s.address('plain'), '--quirks', 'odd'],
      1,
      /^BMC_QUIRK_UNKNOWN: --quirks: .*"odd"; known/,
    ],
    [
      'pin',
      (s) => ['status', s.address('plain'), '--fingerprint', 'x'],
      1,
      /^BMC_TLS_SETTINGS: .*correct --fingerprint/,
    ],
    [
      'password file',
      (s) => ['status', s.address('plain'), '--password-file', '/no'],
      1,
      /^CLI_FILE: --password-file \/no/,
    ],
    ['ca file', (s) => ['status', s.address('plain'), '--ca', '/tmp'], 1, /^CLI_FILE: --ca \/tmp: that is a folder/],
    [
      'setting',
      (s) => ['bios', 'set', s.address('plain'), 'Numlock=1'],
      1,
      /no BIOS setting "Numlock" \(there are NumLock\)/,
    ],
    ['choice', (s) => ['bios', 'set', s.address('plain'), 'LogicalProc=On'], 1, /takes Enabled or Disabled, not "On"/],
    ['bound', (s) => ['bios', 'set', s.address('plain'), 'AcPwrRcvryUserDelay=7'], 1, /takes 60 to 600, not 7/],
    ['read-only', (s) => ['bios', 'set', s.address('plain'), 'SystemServiceTag=x'], 1, /SystemServiceTag is read-only/],
    ['slot', (s) => ['media', 'eject', s.address('plain'), 'CD9'], 1, /there is no slot "CD9" \(there are CD1, USB1\)/],
    ['volume', (s) => ['raid', 'delete', s.address('plain'), '7'], 1, /there is no volume "7"/],
    [
      'drive',
      (s) => ['raid', 'create', s.address('plain'), 'RAID1', '0', 'x'],
      1,
      /no drive "x" \(there are Disk.Bay.0/,
    ],
    [
      'component',
      (s) => ['firmware', 'update', s.address('plain'), 'gpu', 'http://x/y'],
      1,
      /no component "gpu" \(there/,
    ],
    [
      'image file',
      (s) => ['firmware', 'update', s.address('plain'), 'bmc', '/no'],
      1,
      /^CLI_FILE: image \/no: there is no/,
    ],
    [
      'not by IPMI',
      (s) => ['media', 'list', s.address('plain', 'ipmi')],
      1,
      /^BMC_UNSUPPORTED: .*virtual media by this/,
    ],
    ['url', (s) => ['media', 'insert', s.address('plain'), 'rescue.iso'], 2, /begins with http:\/\/ or https:\/\//],
    ['level', (s) => ['raid', 'create', s.address('plain'), 'RAID1', '7', 'x'], 2, /Allowed choices are 0, 1, 5, 6/],
    ['device', (s) => ['boot', s.address('plain'), 'floppy'], 2, /known devices are none, pxe, disk/],
    ['option', (s) => ['status', s.address('plain'), '--bogus'], 2, /unknown option '--bogus'/],
    ['argument', () => ['status'], 2, /missing required argument 'target'/],
    ['command', () => ['explode'], 2, /unknown command 'explode'/],
  ];
  for (const [what, args, expected, text] of wrong) {
    test(`wrong ${what}: said, with what to do about it`, async () => {
      const { code, stdout, stderr } = await ingot(args(sim));
      assert.equal(code, expected, stderr);
      assert.match(stderr, text);
      assert.equal(stdout, '');
    });
  }

  test('wrong password, by both protocols, and as JSON', async () => {
    for (const protocol of ['redfish', 'ipmi'] as const) {
      const env = { INGOT_BMC_PASSWORD: 'letmein' };
      const { code, stdout, stderr } = await ingot(['status', sim.address('hpe-ilo6', protocol), '--json'], env);
      assert.deepEqual([code, stderr], [1, '']);
      const { error } = JSON.parse(stdout);
      assert.equal(error.code, 'BMC_AUTH_FAILED');
      assert.match(error.hint, /^check username and password/);
      assert.ok(!stdout.includes('letmein'));
    }
  });

  test('a trace for a bug report tells everything but secrets', async () => {
    for (const { personality } of sim.members) {
      // By IPMI there are no personalities.
      for (const protocol of personality === 'plain' ? (['redfish', 'ipmi'] as const) : (['redfish'] as const)) {
        const file = path.join(dir, `${personality}-${protocol}.jsonl`);
        const address = sim.address(personality, protocol);
        const table = await people('trace', address, '--insecure', '--trace', file);
        assert.match(table, /WHAT +RESULT[^]*verify +read\npower state +read/, personality);
        const text = await readFile(file, 'utf8');
        const lines = text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line));
        assert.ok(lines.length > 10, personality);
        assert.ok(!text.includes(PASSWORD) && !text.includes(JSON.stringify(PASSWORD).slice(1, -1)), personality);
        assert.ok(!text.includes(Buffer.from(`admin:${PASSWORD}`).toString('base64')), 'no Basic header');
        for (const { headers = {} } of lines) assert.equal(headers['x-auth-token'] ?? '[redacted]', '[redacted]');
        const login = lines.find((line) => line.sent?.UserName !== undefined);
        if (protocol === 'redfish') assert.equal(login?.sent.Password, '[redacted]', 'the login is there, without it');
      }
    }
    const file = path.join(dir, 'media.jsonl');
    const url = 'http://reader:hunter2@192.0.2.1/rescue.iso?token=s3cr3t-token';
    await people('media', 'insert', sim.address('plain'), url, '--trace', file);
    const text = await readFile(file, 'utf8');
    assert.ok(!text.includes('hunter2') && !text.includes('s3cr3t-token'), text);
    assert.match(text, /http:\/\/reader:\[redacted\]@192\.0\.2\.1\/rescue\.iso\?token=\[redacted\]/);
  });

  test('a host object instead of an address: its own address and Secret', async () => {
    const bed = await Standalone.start();
    try {
      const [member] = sim.members;
      assert.ok(member);
      await bed.secret('cli-bmc', { username: 'admin', password: PASSWORD });
      await bed.apply({
        apiVersion: 'metal3.io/v1alpha1',
        kind: 'BareMetalHost',
        metadata: { name: 'cli', namespace: NS, annotations: { 'baremetalhost.metal3.io/detached': '' } },
        spec: {
          online: false,
          bootMACAddress: member.mac,
          bmc: { address: member.ipmiAddress, credentialsName: 'cli-bmc' },
        },
      });
      const where = ['--kubeconfig', bed.kubeconfig];
      const none = { INGOT_BMC_PASSWORD: '' };
      const one = await ingot(['status', `${NS}/cli`, ...where], none);
      assert.match(one.stdout, /^address +ipmi:\/\/127/, one.stderr);
      const two = await ingot(['sensors', 'cli', '-n', NS, ...where, '--json'], none);
      assert.equal(JSON.parse(two.stdout).result, 'ok');
      const missing = await ingot(['status', `${NS}/nobody`, ...where], none);
      assert.match(missing.stderr, /^CLI_NOT_FOUND: .*nobody/);
    } finally {
      await bed.close();
    }
  });
});

suite('ingot sim', { timeout: 300_000 }, () => {
  test('faults and states of storage are switched on from the command line', async () => {
    const faults = ['--delay', '120', '--duplicates', '20', '--reordered', '20'];
    const drives = ['--raid-mode', 'EnhancedHBA', '--foreign-drives', 'Disk.Bay.2', '--passed-through', 'Disk.Bay.0'];
    const sim = await Sim.start('--personality', 'dell-idrac9', '--tls', ...faults, ...drives);
    try {
      const dell = sim.address('dell-idrac9');
      assert.match(dell, /^redfish:/, 'https');
      const begin = performance.now();
      const list = await people('raid', 'list', dell, '--insecure');
      assert.ok(performance.now() - begin > 500, 'every answer is late');
      assert.match(list, /EnhancedHBA RAID0 RAID1 RAID10/);
      assert.match(list, /Disk\.Bay\.0 .*NonRAID[^]*Disk\.Bay\.2 .*Foreign/);
    } finally {
      await sim.close();
    }
  });

  test('--list shows every personality, and of one what each detail rests on', async () => {
    const run = (...args: string[]) => exec(INGOT, ['sim', '--list', ...args], { ok: [0, 1] });
    const { stdout } = await run();
    assert.match(stdout, /^PERSONALITY +PLAYS +FIRMWARE +QUIRKS +REFERENCE +PUBLIC +ASSUMED\nplain/);
    assert.match((await run('dell-idrac9')).stdout, /\nraid-one-job +public +github\.com\/dell\/\S+: .*STOR023/);
    const { items } = JSON.parse((await run('ami', '--json')).stdout);
    assert.ok(items.every((row: Record<string, string>) => row['evidence'] !== '' && row['said'] !== ''));
    const unknown = await run('nonsense');
    assert.deepEqual([unknown.code, unknown.stdout], [1, '']);
    assert.match(unknown.stderr, /^SIM_PERSONALITY_UNKNOWN/);
  });

  test('a thousand in one process, with faults, each of them answers', async () => {
    const sim = await Sim.start('--count', '1000', '--delay', '5', '--duplicates', '5', '--protocol', 'redfish');
    try {
      assert.equal(sim.members.length, 1000);
      const answers = await Promise.all(
        sim.members.map(async ({ redfishAddress }) => {
          const response = await fetch(redfishAddress.replace('redfish+', '').replace(/\/Systems.*/, '/'));
          return ((await response.json()) as { UUID: string }).UUID;
        }),
      );
      assert.equal(new Set(answers).size, 1000, 'each is a machine of its own');
    } finally {
      await sim.close();
    }
  });
});

/** What a command prints on a terminal when `keys` are typed at its first question. */
async function onTerminal(args: readonly string[], keys: string): Promise<string> {
  const command = [INGOT, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, INGOT_BMC_PASSWORD: undefined },
  });
  let text = '';
  let asked = false;
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
    if (asked || !text.includes('Password of')) return;
    asked = true;
    child.stdin.write(keys);
  });
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}
