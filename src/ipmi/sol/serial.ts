/** A serial port behind a virtual BMC, and what is on its other end. */
export interface SerialPort {
  /** Takes what the machine prints from now on. @returns ends that */
  listen(onData: (bytes: Uint8Array) => void): () => void;
  /** Types. Nothing happens when the machine is off. */
  write(bytes: Uint8Array): void;
  /** Characters that can be typed now; default: any number. */
  room?(): number;
  sendBreak(): void;
}
