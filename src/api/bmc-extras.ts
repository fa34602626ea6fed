import type { SecretReference } from './baremetalhost.ts';
import type { KubeObject } from './meta.ts';

/** BMCEventSubscription (metal3-compat §1.8). */
export interface BmcEventSubscription extends KubeObject {
  spec: { hostName?: string; destination?: string; context?: string; httpHeadersRef?: SecretReference };
  status?: { subscriptionID?: string; error?: string };
}

/** DataImage (metal3-compat §1.9): same name and namespace as its BareMetalHost. */
export interface DataImage extends KubeObject {
  spec: { url: string };
  status?: DataImageStatus;
}

export interface DataImageStatus {
  lastReconciled?: string;
  attachedImage?: { url: string };
  error?: { count: number; message: string };
}
