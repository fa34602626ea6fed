import type { ConfigMap, Event } from '../api/core-types.ts';
import type { KubeObject } from '../api/meta.ts';
import type { PrinterColumn } from '../api/registry/crd.ts';
import type { Resource } from '../api/registry/resource.ts';
import { ageOf } from './ago.ts';
import { compilePath } from './jsonpath.ts';

/** One column of a table, ready to print cells. */
export interface Column {
  definition: { name: string; type: string; format: string; description: string; priority: number };
  /** @param now ms */
  cell(object: KubeObject, now: number): unknown;
}

const NAME: Column = {
  definition: {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: 'Name of the object, unique within its namespace.',
    priority: 0,
  },
  cell: (object) => object.metadata.name,
};

/** The columns of a resource: Name, then its printer columns. Event puts its name last, as kubectl shows it. */
export function columnsOf(resource: Resource): Column[] {
  const own = resource.columns.map((column) => compile(resource, column));
  return resource.type.kind === 'Event' ? own : [NAME, ...own];
}

function compile(resource: Resource, column: PrinterColumn): Column {
  const { name, type, format = '', description = '', priority = 0, jsonPath } = column;
  // Dates travel as finished text ("5m"), the way kube-apiserver sends them.
  const definition = { name, type: type === 'date' ? 'date' : type, format, description, priority };
  if (jsonPath === '') {
    const compute = COMPUTED[`${resource.type.kind}/${name}`];
    if (compute === undefined) throw new Error(`column ${name} of ${resource.type.kind} has no source`);
    return { definition, cell: compute };
  }
  const values = compilePath(jsonPath);
  return { definition, cell: (object, now) => cellOf(values(object), type, now) };
}

/** The value of a cell: null where the object has none, which kubectl leaves blank. */
function cellOf(values: unknown[], type: PrinterColumn['type'], now: number): unknown {
  const [value] = values;
  if (value === undefined || value === null) return type === 'date' ? '<unknown>' : null;
  if (type === 'date') return ageOf(value, now);
  if (type === 'string') return values.map((v) => (typeof v === 'string' ? v : JSON.stringify(v))).join(',');
  return value;
}

const COMPUTED: Record<string, (object: KubeObject, now: number) => unknown> = {
  'Secret/Data': (object) => countData(object),
  'ConfigMap/Data': (object) => countData(object),
  'Event/Last Seen': (object, now) => ageOf(lastSeen(object as Event), now),
  'Event/First Seen': (object, now) => ageOf(firstSeen(object as Event), now),
  'Event/Object': (object) => {
    const { kind = '', name = '' } = (object as Event).involvedObject;
    return `${kind.toLowerCase()}/${name}`;
  },
  'Event/Source': (object) => {
    const { source, reportingComponent } = object as Event;
    return [source?.component ?? reportingComponent ?? '', source?.host ?? ''].filter((s) => s !== '').join(', ');
  },
};

function countData(object: KubeObject): number {
  const { data = {}, binaryData = {} } = object as ConfigMap;
  return Object.keys(data).length + Object.keys(binaryData).length;
}

function firstSeen(event: Event & { eventTime?: string | null }): string | undefined {
  return event.firstTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
}

function lastSeen(event: Event): string | undefined {
  return event.lastTimestamp ?? firstSeen(event);
}
