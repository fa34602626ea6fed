import type { Evidence } from './evidence.ts';

/**
 * Ways in which a vendor's Redfish service differs from the specification. Data: a personality is a list of these, each
 * with the place where somebody met it. The service asks for the row of a kind where the behaviour belongs.
 */
export type Quirk = { evidence: Evidence } & QuirkRule;

type QuirkRule =
  | { kind: 'session-limit'; sessions: number; messageId?: string }
  /** Has no SessionService; basic authentication alone. */
  | { kind: 'no-sessions' }
  /** A failed login is answered with 200 and an error body, without a token. */
  | { kind: 'login-answers-200' }
  /** 406 for `Accept-Encoding: identity` on registries, which are stored compressed. */
  | { kind: 'identity-refused' }
  /** `weak`: W/ tags, and If-Match must repeat them; `weak-read-strong-write`: 412 unless W/ is stripped; `none`: no tags. */
  | { kind: 'etags'; form: 'none' | 'weak' | 'weak-read-strong-write' | 'refuses-if-match' }
  /** A PATCH without If-Match is refused with 428. */
  | { kind: 'if-match-required' }
  /** `@Message.ExtendedInfo` is one object, not a list. */
  | { kind: 'extended-info-object' }
  /** Error bodies of these statuses are pages for people, or nothing but a line of text. */
  | { kind: 'error-pages'; form: 'html' | 'text'; statuses: readonly number[] }
  /** Every answer takes this long, ms. */
  | { kind: 'slow'; readMs: number; writeMs: number }
  | { kind: 'https-only' }
  /** Configuration is refused for a while after each accepted write of it. */
  | { kind: 'busy-after-write'; ms: number; status: 400 | 503; messageId: string }
  /** System settings cannot be changed while the firmware runs. */
  | { kind: 'post-refuses'; messageId: string }
  /** A power action sooner than this after the last one is a conflict. */
  | { kind: 'power-conflict'; ms: number; messageId: string }
  /** What Reset allows is not in the system but in the resource that `@Redfish.ActionInfo` names. */
  | { kind: 'reset-action-info' }
  /** Systems that are listed beside the machine and are no machines: an address must say which. */
  | { kind: 'other-systems'; ids: readonly string[] }
  /** Dates of certificates as OpenSSL prints them: `Sep 16 09:39:04 2026 GMT`. */
  | { kind: 'openssl-dates' }
  /** An unknown ResetType is answered with 204 and does nothing. */
  | { kind: 'unknown-reset-accepted' }
  | { kind: 'boot-needs'; properties: readonly ('Target' | 'Enabled' | 'Mode')[] }
  /** The name of the CD among the boot targets. */
  | { kind: 'cd-target'; target: 'UsbCd' }
  | { kind: 'no-continuous'; messageId: string }
  /** Whatever `Enabled` was asked for, this is read back. */
  | { kind: 'always-continuous' }
  /** A boot override without a mode puts the machine back to legacy. */
  | { kind: 'boot-mode-reset' }
  /** Boot overrides are written to `@Redfish.Settings`, and are pending there until the next start. */
  | { kind: 'boot-settings-object' }
  /** The boot mode cannot be changed by Redfish. */
  | { kind: 'boot-mode-fixed'; messageId: string }
  /** Boot mode and Secure Boot are jobs of the firmware: 202, done at the next start. */
  | { kind: 'bios-job' }
  /** A written boot override reads as written, and after a while as before. */
  | { kind: 'boot-silently-reverts'; afterMs: number }
  /** A write is read back only this much later, ms. */
  | { kind: 'delayed-apply'; ms: number }
  | { kind: 'settings-apply-time-refused' }
  | { kind: 'reset-bios-needs-body' }
  /** Actions without a body are refused, `{}` is wanted. */
  | { kind: 'eject-needs-body'; status: 400 | 415 }
  /** `Inserted` stays true this long after an eject. */
  | { kind: 'stale-inserted'; ms: number }
  | { kind: 'media-image-only' }
  /** InsertMedia must have these. */
  | { kind: 'media-needs'; properties: readonly string[] }
  /** No actions of the standard: insert and eject are one action of Huawei's, which answers with a task. */
  | { kind: 'media-vmm-control' }
  /** No actions: insert and eject are PATCHes. */
  | { kind: 'media-patch' }
  /** Slots that are listed but take no image by URL: no action at all, or one that is refused. */
  | { kind: 'dead-slots'; slots: readonly string[]; answer: 'no-action' | 405 | 400 }
  /** Insertion fails with 500 and reads as inserted. */
  | { kind: 'insert-fails-inserted' }
  /** Names of the ones that are told not to have a `?`, no `&` and the ending of an image. */
  | { kind: 'media-url-strict' }
  | { kind: 'task-state-new' }
  /** Tasks are gone this long after their end. */
  | { kind: 'tasks-purged'; afterMs: number }
  /** Reading the monitor of an ended task removes the task. */
  | { kind: 'monitor-read-deletes-task' }
  /** 202 whose body is no Task. */
  | { kind: 'accepted-without-task' }
  /** Monitors are `/Tasks/N/Monitor`. */
  | { kind: 'monitor-suffix' }
  | { kind: 'network-adapters-need-os' }
  | { kind: 'no-ethernet-interfaces' }
  /** The number people know the machine by is in `SKU`. */
  | { kind: 'serial-in-sku' }
  | { kind: 'blank-model' }
  /** `ServiceRoot.Vendor` is missing: `Oem` alone names the maker. */
  | { kind: 'vendor-in-oem'; name: string }
  /** Event subscriptions forget their context. */
  | { kind: 'subscription-without-context' }
  | { kind: 'no-raid' }
  /** RAID as iDRAC has it: controller modes, drives that are no RAID members, foreign configurations, jobs in a queue. */
  | { kind: 'dell-raid' }
  /** A RAID controller is configured by one job at a time; the next is refused until it has ended. */
  | { kind: 'raid-one-job'; messageId: string };

export type QuirkKind = Quirk['kind'];
export type QuirkOf<K extends QuirkKind> = Extract<Quirk, { kind: K }>;
