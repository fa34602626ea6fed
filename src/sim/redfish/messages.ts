/** The messages of the Base registry that the service uses (DSP8011), and what errors look like (DSP0266 §8.6). */
export interface MessageKind {
  message: string;
  severity: 'OK' | 'Warning' | 'Critical';
  args: number;
  resolution: string;
}

const NONE = 'None.';
const warning = (message: string, args: number, resolution: string): MessageKind => ({
  message,
  severity: 'Warning',
  args,
  resolution,
});
const critical = (message: string, args: number, resolution: string): MessageKind => ({
  message,
  severity: 'Critical',
  args,
  resolution,
});

export const BASE_REGISTRY = 'Base.1.12';

export const BASE_MESSAGES = {
  Success: { message: 'The request completed successfully.', severity: 'OK', args: 0, resolution: NONE },
  GeneralError: critical('A general error has occurred.', 0, 'See ExtendedInfo for more information.'),
  InternalError: critical(
    'The service failed inside.',
    0,
    'Resubmit the request; if it fails again, reset the service.',
  ),
  MalformedJSON: critical('The request body is no valid JSON.', 0, 'Correct the JSON and resubmit.'),
  UnrecognizedRequestBody: warning('The service does not know what to do with the body.', 0, 'Correct the body.'),
  ResourceMissingAtURI: critical('The resource at the URI %1 was not found.', 1, 'Place a valid resource at the URI.'),
  OperationNotAllowed: critical('The HTTP method is not allowed on this resource.', 0, 'Use a method of Allow.'),
  NotAcceptable: critical('Nothing that the request accepts can be made.', 0, 'Accept application/json.'),
  HeaderInvalid: critical('The value of the header %1 is not supported.', 1, 'Correct the header.'),
  PreconditionFailed: critical('The ETag supplied did not match.', 0, 'Read the resource again.'),
  PreconditionRequired: critical('The request needs an If-Match header.', 0, 'Read the resource and send its ETag.'),
  NoValidSession: critical('There is no valid session with the implementation.', 0, 'Establish a session.'),
  InsufficientPrivilege: critical('The privileges of the account do not suffice.', 0, 'Use another account.'),
  PropertyMissing: warning('The property %1 is required and missing.', 1, 'Supply the property.'),
  PropertyUnknown: warning('The property %1 is not in the list of valid properties.', 1, 'Remove the property.'),
  PropertyNotWritable: warning('The property %1 is read only.', 1, 'Remove the property.'),
  PropertyValueTypeError: warning('The value for the property %1 is of another type.', 1, 'Correct the value.'),
  PropertyValueNotInList: warning('The value %1 for the property %2 is not acceptable.', 2, 'Choose a listed value.'),
  PropertyValueFormatError: warning('The value %1 for the property %2 has a wrong form.', 2, 'Correct the value.'),
  PropertyValueConflict: warning('The value of %1 conflicts with %2.', 2, 'Correct one of them.'),
  ActionParameterMissing: critical('The action %1 needs the parameter %2.', 2, 'Supply the parameter.'),
  ActionParameterUnknown: warning('The action %1 has no parameter %2.', 2, 'Remove the parameter.'),
  ActionParameterNotSupported: warning('The parameter %1 of the action %2 is not supported.', 2, 'Remove it.'),
  ActionParameterValueNotInList: warning('The value %1 of parameter %2 of %3 is not acceptable.', 3, 'Choose another.'),
  ActionParameterValueFormatError: warning('The value %1 of parameter %2 of %3 has a wrong form.', 3, 'Correct it.'),
  ActionParameterValueConflict: warning('The parameter %1 conflicts with the state: %2.', 2, 'Wait and try again.'),
  ActionNotSupported: critical('The action %1 is not supported by the resource.', 1, 'Use a listed action.'),
  QueryNotSupported: warning('Querying is not supported.', 0, 'Remove the query parameters.'),
  QueryNotSupportedOnResource: warning('Querying is not supported on this resource.', 0, 'Remove the parameters.'),
  QueryParameterValueFormatError: warning('The value %1 of the query parameter %2 has a wrong form.', 2, 'Correct it.'),
  QueryParameterOutOfRange: warning('The value %1 of the query parameter %2 is out of the range %3.', 3, 'Reduce it.'),
  ResourceInUse: warning('The resource is in use.', 0, 'Remove the condition and try again.'),
  ResourceInStandby: critical('The resource is not ready.', 0, 'Wait and try again.'),
  ResourceAlreadyExists: critical('A resource %1 with %2 %3 exists already.', 3, 'Do not repeat the create.'),
  SessionLimitExceeded: critical('There are too many sessions.', 0, 'Close sessions first.'),
  ServiceTemporarilyUnavailable: critical('The service is unavailable for %1 seconds.', 1, 'Wait and try again.'),
  CouldNotEstablishConnection: critical('No connection could be made to %1.', 1, 'Check that the URI can be reached.'),
  NoOperation: warning('The request changes nothing.', 0, 'Nothing needs to be done.'),
  PasswordChangeRequired: warning('The password must be changed at %1.', 1, 'Change the password.'),
} as const satisfies Record<string, MessageKind>;

export type BaseMessage = keyof typeof BASE_MESSAGES;

/** What vendors' own messages mean, by the last part of their id. */
const VENDOR_MESSAGES: Readonly<Record<string, MessageKind>> = {
  RAC0218: critical('The maximum number of user sessions is reached.', 0, 'Close sessions first.'),
  STOR009: warning('No such drive or volume, or the drive cannot be used in this way.', 0, 'Check the drives.'),
  STOR018: warning('There is no foreign configuration.', 0, NONE),
  STOR023: warning('A configuration job for the device exists already.', 0, 'Wait for it, or cancel it.'),
  STOR060: warning('The controller does not support configuration operations.', 0, 'Check the controller.'),
};

/** An answer that is an error. Thrown by handlers, written by the server. */
export class Refusal extends Error {
  readonly status: number;
  readonly messageId: string;
  readonly args: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly property: string | undefined;

  /** @param messageId a name of the Base registry, or a vendor's full id such as `IDRAC.2.8.SYS518` */
  constructor(
    status: number,
    messageId: BaseMessage | `${string}.${string}`,
    args: readonly string[] = [],
    more: { headers?: Record<string, string>; property?: string } = {},
  ) {
    super(messageId);
    this.status = status;
    this.messageId = messageId.includes('.') ? messageId : `${BASE_REGISTRY}.${messageId}`;
    this.args = args;
    this.headers = more.headers ?? {};
    this.property = more.property;
  }

  /** The error body. @param asObject iDRAC's form: ExtendedInfo is one object */
  body(asObject: boolean): Record<string, unknown> {
    const info = {
      '@odata.type': '#Message.v1_1_1.Message',
      MessageId: this.messageId,
      ...this.#texts(),
      MessageArgs: this.args,
      ...(this.property === undefined ? {} : { RelatedProperties: [`#/${this.property}`] }),
    };
    return {
      error: { code: this.messageId, message: info.Message, '@Message.ExtendedInfo': asObject ? info : [info] },
    };
  }

  #texts(): { Message: string; Severity: string; MessageSeverity: string; Resolution: string } {
    const name = this.messageId.split('.').at(-1) ?? '';
    const kind: MessageKind | undefined = Object.hasOwn(BASE_MESSAGES, name)
      ? BASE_MESSAGES[name as BaseMessage]
      : VENDOR_MESSAGES[name];
    const text = kind?.message ?? `The operation cannot be done now (${name}).`;
    const message = this.args.reduce((t, arg, i) => t.replaceAll(`%${i + 1}`, arg), text);
    const severity = kind?.severity ?? 'Warning';
    return {
      Message: message,
      Severity: severity,
      MessageSeverity: severity,
      Resolution: kind?.resolution ?? 'Wait and try again.',
    };
  }
}
