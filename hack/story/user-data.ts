/**
 * The user data that the demo hands over: prints a line on the console, and calls back with what only a machine that has
 * read its config drive can know. The comment lines say the same to the tiny OS, which has no cloud-init.
 */
export function demoUserData(callback: string, value: string): string {
  return `#cloud-config
# ingot-callback: ${callback}
# ingot-value: ${value}
runcmd:
  - |
    firmware=bios
    test -d /sys/firmware/efi && firmware=uefi
    uuid=$(cat /var/lib/cloud/data/instance-id)
    echo "INGOT-DEMO $(hostname) uuid=$uuid value=${value}" >/dev/ttyS0
    body=$(printf '{"uuid":"%s","hostname":"%s","value":"%s","firmware":"%s","os":"debian"}' "$uuid" "$(hostname)" '${value}' "$firmware")
    curl -sS --retry 20 --retry-delay 1 --retry-all-errors -H 'Content-Type: application/json' --data "$body" '${callback}'
`;
}
