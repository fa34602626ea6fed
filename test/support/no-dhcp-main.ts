/** `ingot up --no-dhcp` with one host whose machine somebody else plays; runs in a network namespace of its own. */
import { PASSWORD, Standalone } from './standalone.ts';

const [device = '', mac = ''] = process.argv.slice(2);
const bed = await Standalone.start(['--interface', device, '--http-port', '8080', '--tftp-port', '69']);
process.once('SIGTERM', () => void bed.close());
const host = await bed.machine('node-0');
host.machine.network = () => Promise.resolve(undefined);
await bed.secret('node-0-bmc', { username: 'admin', password: PASSWORD });
await bed.apply(bed.objectOf(host, { bootMACAddress: mac }));
console.log('enrolled');
await bed.hosts.until('node-0', (h) => h.status?.provisioning.state === 'inspecting', 'inspecting');
console.log('inspecting');
// What the engine logs of machines that it has nothing for.
let printed = 0;
setInterval(() => {
  const lines = bed.log.split('\n').filter((l) => l.includes('nothing to boot'));
  for (const line of lines.slice(printed)) console.log(line);
  printed = lines.length;
}, 100).unref();
