import type { OemAuth } from './oem-auth.ts';

/**
 * Ways in which BMCs depart from the specification on the wire. Each is off unless somebody asked for it: the table that
 * names them, with the evidence, is `bmc/quirks.ts`. None of them accepts a packet that is not signed where the suite
 * signs, except where its text says so.
 */
export interface WireQuirks {
  /** The integrity check value of RAKP 4 is made with the hash of the integrity algorithm. */
  rakp4ByIntegrity?: boolean;
  /** The role counts without the name-only bit in the code of RAKP 3. */
  bareRoleInRakp3?: boolean;
  /** The role counts without the name-only bit in all codes and in the session key. */
  bareRole?: boolean;
  /** RAKP 1 always has 16 bytes of name, zero padded; its length stays what it is. */
  fullRakp1?: boolean;
  /** The user name is 16 bytes, zero padded, in RAKP 1 and in all codes. */
  paddedName?: boolean;
  /** HMAC-MD5 uses 16 bytes of the password at most. */
  md5Password16?: boolean;
  /** Passwords are cut to 16 bytes: for IPMI 1.5, and for BMCs that stored no more. */
  password16?: boolean;
  /** Users are looked up by name and role together; the name-only bit is never sent. */
  noNameOnlyLookup?: boolean;
  /** Open Session asks for the highest level (0), not for the one wanted. */
  askHighest?: boolean;
  /** The integrity pad is counted without the pad length and next header. */
  padWithoutTrailer?: boolean;
  /** Replies with wrong message checksums are taken. */
  ignoreChecksums?: boolean;
  /** Replies in a session may carry session id 0. */
  zeroSessionIds?: boolean;
  /** Sequence numbers of replies are not looked at: an old reply could be played again. */
  anySequence?: boolean;
  /** IPMI 1.5: replies are taken unsigned, or with an empty code, although the session is signed. */
  unsignedReplies?: boolean;
  /** IPMI 1.5: authentication type OEM is used where it is offered, in this maker's way. */
  oemAuth?: OemAuth;
  /**
   * A network chip that answers Open Session, RAKP and serial over LAN, and little else: neither its capabilities nor a
   * privilege level nor its device id are asked for.
   */
  bareSession?: boolean;
  /** Activate Payload for serial over LAN asks with these flags, whatever the suite can do (§24.1). */
  solFlags?: number;
  /** Serial over LAN: an acknowledgement that says 0 characters were taken means all. */
  solZeroIsAll?: boolean;
  /** IPMI 1.5 is not tried although the BMC says that it speaks nothing else. */
  neverV15?: boolean;
  /** Sessions without any password: cipher suite 0, and authentication type "none" of IPMI 1.5. */
  noAuthentication?: boolean;
}
