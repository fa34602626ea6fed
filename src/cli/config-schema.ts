import { z } from 'zod';
import { addressValue, durationValue, hostAddressValue, macValue, rangeValue, subnetValue } from './values.ts';

/** Text that a parser of `values.ts` understands; what the parser says is the complaint. */
function typed<T>(parse: (text: string) => T) {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
}

const address = typed(addressValue);
const name = z.string().min(1).max(255);
const port = z.int().min(0).max(65_535);
const seconds = (min: number, max: number) => z.union([z.int(), typed(durationValue)]).pipe(z.int().min(min).max(max));
/** The lease book keeps 32 bits of them; a month is more than any boot network wants. */
const lease = seconds(10, 31 * 86_400);
const everywhere = { dns: z.array(address).max(8).optional(), domain: name.optional(), leaseTime: lease.optional() };

const reservation = z.strictObject({ mac: typed(macValue), address, hostname: name.max(63).optional() });

const subnet = z.strictObject({
  subnet: typed(subnetValue),
  ranges: z.array(typed(rangeValue)).optional(),
  router: address.optional(),
  ...everywhere,
  ntp: z.array(address).max(8).optional(),
  mtu: z.int().min(576).max(65_535).optional(),
  reservations: z.array(reservation).optional(),
});

/** The configuration file of `ingot up` and `ingot operator`. `hack/examples/ingot.yaml` is its manual. */
export const configSchema = z.strictObject({
  interfaces: z.array(name).optional(),
  dhcp: z
    .strictObject({
      mode: z.enum(['server', 'proxy', 'off']).optional(),
      ...everywhere,
      subnets: z.array(subnet).optional(),
    })
    .optional(),
  ports: z.strictObject({ http: port.optional(), agent: port.optional(), tftp: port.optional() }).optional(),
  mediaAddress: typed(hostAddressValue).optional(),
  ramdiskAddress: typed(hostAddressValue).optional(),
  recordConsole: z.boolean().optional(),
  bmcEvents: z.boolean().optional(),
  data: name.optional(),
  ramdisk: name.optional(),
  ipxe: name.optional(),
  bmcCa: name.optional(),
  kernelArguments: z
    .string()
    .max(1000)
    .regex(/^[^\n\r]*$/, 'must be one line')
    .optional(),
  timeouts: z
    .strictObject({
      agentBoot: seconds(1, 86_400).optional(),
      missedBoot: seconds(1, 86_400).optional(),
      agentLost: seconds(1, 86_400).optional(),
    })
    .optional(),
  hosts: z
    .strictObject({
      provisioningLimit: z.int().min(1).optional(),
      maxProvisioningRetries: z.int().min(0).optional(),
      concurrency: z.int().min(1).max(1000).optional(),
    })
    .optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).optional(),
});

export type ConfigFile = z.output<typeof configSchema>;

/** The keys a mapping at this path may have. Empty when there is no mapping. */
export function keysAt(path: readonly PropertyKey[]): string[] {
  let at: unknown = configSchema;
  for (const step of path) {
    at = plain(at);
    if (at instanceof z.ZodObject) at = at.shape[String(step)];
    else if (at instanceof z.ZodArray) at = at.element;
    else return [];
  }
  at = plain(at);
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function plain(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? schema.unwrap() : schema;
}
