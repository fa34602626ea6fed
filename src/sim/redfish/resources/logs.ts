import { kubeTime } from '../../../core/clock.ts';
import type { Paths } from '../paths.ts';
import { type Body, NO_CONTENT, OK_HEALTH, type Route, collection, link, resource } from '../router.ts';
import type { LogRecord } from '../state/log.ts';

/** The system event log, below the system and below the manager. */
export function logRoutes(paths: Paths): Route[] {
  return [...logOf(paths.system, 'SEL'), ...logOf(paths.manager, 'Log')];
}

function logOf(owner: string, id: string): Route[] {
  const home = `${owner}/LogServices`;
  const path = `${home}/${id}`;
  const entries = `${path}/Entries`;
  return [
    { path: home, get: () => collection(home, 'LogService.LogService', 'Log services', [path]) },
    {
      path,
      get: ({ service }) =>
        resource(path, 'LogService.v1_5_0.LogService', id, 'Event log', {
          LogEntryType: 'Event',
          MaxNumberOfRecords: 200,
          OverWritePolicy: 'WrapsWhenFull',
          DateTime: kubeTime(service.clock.now()),
          DateTimeLocalOffset: '+00:00',
          ServiceEnabled: true,
          Status: OK_HEALTH,
          Entries: link(entries),
          Actions: { '#LogService.ClearLog': { target: `${path}/Actions/LogService.ClearLog` } },
        }),
    },
    {
      path: entries,
      get: ({ service }) => {
        const list = service.eventLog.list().map((entry) => entryView(entries, entry));
        return { ...collection(entries, 'LogEntry.LogEntry', 'Entries', []), ...counted(list) };
      },
    },
    {
      path: `${entries}/:entry`,
      get: ({ service, params }) => {
        const entry = service.eventLog.get(params['entry'] ?? '');
        return entry === undefined ? undefined : entryView(entries, entry);
      },
    },
    {
      path: `${path}/Actions/LogService.ClearLog`,
      post: ({ service }) => {
        service.eventLog.clear();
        return NO_CONTENT;
      },
      privilege: 'ConfigureManager',
    },
  ];
}

/** BMCs write log entries out in full: nobody reads 200 of them one by one. */
function counted(list: readonly Body[]): Body {
  return { 'Members@odata.count': list.length, Members: list };
}

function entryView(entries: string, entry: LogRecord): Body {
  return resource(`${entries}/${entry.id}`, 'LogEntry.v1_15_0.LogEntry', entry.id, `Log entry ${entry.id}`, {
    EntryType: 'Event',
    Created: kubeTime(entry.at),
    Severity: entry.severity,
    Message: entry.message,
  });
}
