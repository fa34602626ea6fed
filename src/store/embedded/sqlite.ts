import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** One stored object. `body` is its JSON, with `metadata.resourceVersion` equal to `rv`. */
export interface Row {
  kind: string;
  namespace: string;
  name: string;
  uid: string;
  rv: number;
  body: string;
}

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface ChangeRow {
  rv: number;
  type: ChangeType;
  namespace: string;
  body: string;
  /** The object before the change, kept only where labels changed: watches by label need it. */
  old: string | null;
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS objects (
  kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  uid TEXT NOT NULL, rv INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (kind, namespace, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS objects_uid ON objects (uid);
CREATE TABLE IF NOT EXISTS owners (
  owner TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (owner, kind, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
  rv INTEGER PRIMARY KEY, kind TEXT NOT NULL, namespace TEXT NOT NULL, type TEXT NOT NULL,
  body TEXT NOT NULL, old TEXT, at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS changes_kind ON changes (kind, rv);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO meta (key, value) VALUES ('revision', 0), ('compacted', 0), ('format', 1);
`;

/**
 * The tables of the embedded store. WAL with synchronous=FULL: a commit that returned survives kill -9 and power loss.
 * The lock is exclusive: a second process on the same folder fails at once instead of running two engines.
 */
export class Tables {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();
  #depth = 0;

  /**
   * @param file path, or ':memory:'
   * @throws Error "database is locked" when another process has it
   */
  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec('PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;');
    this.#db.exec(SCHEMA);
  }

  /** Runs `work` in one transaction; rolled back when it throws or when `keep` is false. Nested calls join. */
  transaction<T>(work: () => T, keep = true): T {
    if (this.#depth > 0) return work();
    this.#db.exec('BEGIN IMMEDIATE');
    this.#depth++;
    let commit = false;
    try {
      const result = work();
      commit = keep;
      return result;
    } finally {
      this.#depth--;
      this.#db.exec(commit ? 'COMMIT' : 'ROLLBACK');
    }
  }

  getMeta(key: 'revision' | 'compacted' | 'format'): number {
    const row = this.#run('SELECT value FROM meta WHERE key = ?').get(key);
    return Number(row?.['value'] ?? 0);
  }

  setMeta(key: 'revision' | 'compacted', value: number): void {
    this.#run('UPDATE meta SET value = ? WHERE key = ?').run(value, key);
  }

  get(kind: string, namespace: string, name: string): Row | undefined {
    const sql = 'SELECT * FROM objects WHERE kind = ? AND namespace = ? AND name = ?';
    return this.#run(sql).get(kind, namespace, name) as Row | undefined;
  }

  hasUid(uid: string): boolean {
    return this.#run('SELECT 1 FROM objects WHERE uid = ?').get(uid) !== undefined;
  }

  /** Rows of a kind in order of namespace and name, after the given one, at most `limit`. */
  list(kind: string, namespace: string | undefined, after: { namespace: string; name: string }, limit: number): Row[] {
    const order = 'AND (namespace, name) > (?, ?) ORDER BY namespace, name LIMIT ?';
    const rows =
      namespace === undefined
        ? this.#run(`SELECT * FROM objects WHERE kind = ? ${order}`).all(kind, after.namespace, after.name, limit)
        : this.#run(`SELECT * FROM objects WHERE kind = ? AND namespace = ? ${order}`).all(
            kind,
            namespace,
            after.namespace,
            after.name,
            limit,
          );
    return rows as unknown as Row[];
  }

  /** Number of rows that `list` would give without a limit. */
  count(kind: string, namespace: string | undefined, after: { namespace: string; name: string }): number {
    const sql = 'SELECT count(*) AS n FROM objects WHERE kind = ? AND (namespace, name) > (?, ?)';
    const row =
      namespace === undefined
        ? this.#run(sql).get(kind, after.namespace, after.name)
        : this.#run(`${sql} AND namespace = ?`).get(kind, after.namespace, after.name, namespace);
    return Number(row?.['n'] ?? 0);
  }

  /** Rows of any kind in a namespace. */
  inNamespace(namespace: string): Row[] {
    return this.#run('SELECT * FROM objects WHERE namespace = ?').all(namespace) as unknown as Row[];
  }

  dependents(uid: string): Row[] {
    const sql = `SELECT o.* FROM owners w JOIN objects o
      ON o.kind = w.kind AND o.namespace = w.namespace AND o.name = w.name WHERE w.owner = ?`;
    return this.#run(sql).all(uid) as unknown as Row[];
  }

  put(row: Row, owners: readonly string[]): void {
    const sql = `INSERT INTO objects (kind, namespace, name, uid, rv, body) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (kind, namespace, name) DO UPDATE SET uid = excluded.uid, rv = excluded.rv, body = excluded.body`;
    this.#run(sql).run(row.kind, row.namespace, row.name, row.uid, row.rv, row.body);
    this.#dropOwners(row);
    for (const owner of new Set(owners)) {
      this.#run('INSERT INTO owners VALUES (?, ?, ?, ?)').run(owner, row.kind, row.namespace, row.name);
    }
  }

  remove(row: Row): void {
    const sql = 'DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?';
    this.#run(sql).run(row.kind, row.namespace, row.name);
    this.#dropOwners(row);
  }

  #dropOwners(row: Row): void {
    const sql = 'DELETE FROM owners WHERE kind = ? AND namespace = ? AND name = ?';
    this.#run(sql).run(row.kind, row.namespace, row.name);
  }

  addChange(kind: string, change: ChangeRow, at: number): void {
    const sql = 'INSERT INTO changes (rv, kind, namespace, type, body, old, at) VALUES (?, ?, ?, ?, ?, ?, ?)';
    this.#run(sql).run(change.rv, kind, change.namespace, change.type, change.body, change.old, at);
  }

  /** Changes of a kind after a revision, oldest first. */
  changesAfter(kind: string, rv: number, limit: number): ChangeRow[] {
    const sql = 'SELECT rv, type, namespace, body, old FROM changes WHERE kind = ? AND rv > ? ORDER BY rv LIMIT ?';
    return this.#run(sql).all(kind, rv, limit) as unknown as ChangeRow[];
  }

  /** Highest revision among the changes made before `at`; 0 when there is none. */
  lastRevisionBefore(at: number): number {
    const row = this.#run('SELECT max(rv) AS rv FROM changes WHERE at < ?').get(at);
    return Number(row?.['rv'] ?? 0);
  }

  /** Forgets changes up to and including `rv`. */
  compact(rv: number): void {
    this.#run('DELETE FROM changes WHERE rv <= ?').run(rv);
    this.setMeta('compacted', rv);
  }

  close(): void {
    this.#db.close();
  }

  #run(sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }
}
