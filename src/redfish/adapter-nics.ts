import type { JsonObject, Resource } from './calls.ts';
import { linkAt, linksAt, textAt, textsAt } from './json.ts';
import { type ServiceDoors, membersIfAny } from './service-doors.ts';

/**
 * Ports of the network cards in a system's chassis, for BMCs that list no EthernetInterfaces (Cisco): by their functions,
 * by their ports where a card has no functions. HPE gives the cards only once an OS has run.
 * @returns each with the properties that an EthernetInterface would have
 */
export async function adapterNics(doors: ServiceDoors, system: Resource, signal: AbortSignal): Promise<JsonObject[]> {
  const nics: JsonObject[] = [];
  for (const link of linksAt(system.body, 'Links', 'Chassis')) {
    const chassis = await doors.calls.find(link, signal);
    for (const adapter of await membersIfAny(doors, linkAt(chassis?.body, 'NetworkAdapters'), signal)) {
      const functions = await membersIfAny(doors, linkAt(adapter.body, 'NetworkDeviceFunctions'), signal);
      const ports = functions.length > 0 ? functions : await membersIfAny(doors, portsOf(adapter), signal);
      nics.push(...ports.flatMap((port) => nicOf(adapter, port)));
    }
  }
  return nics;
}

function portsOf({ body }: Resource): string | undefined {
  return linkAt(body, 'Ports') ?? linkAt(body, 'NetworkPorts');
}

function nicOf(adapter: Resource, { path, body }: Resource): JsonObject[] {
  const [associated] = [
    ...textsAt(body, 'Ethernet', 'AssociatedMACAddresses'),
    ...textsAt(body, 'AssociatedNetworkAddresses'),
  ];
  const mac = textAt(body, 'Ethernet', 'PermanentMACAddress') ?? textAt(body, 'Ethernet', 'MACAddress') ?? associated;
  if (mac === undefined) return [];
  const model = textAt(adapter.body, 'Model');
  const nic = { MACAddress: mac, Id: textAt(body, 'Id') ?? path };
  return [model === undefined ? nic : { ...nic, Description: model }];
}
