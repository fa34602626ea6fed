"""What Ironic's client library does to a machine, step by step, with what Ironic itself does around it.

Prints one JSON object: what each step read, or how it failed. usage: URL USER PASSWORD IMAGE SYSTEM
"""
import json
import sys
import time

import sushy
import sushy.main
from sushy import auth

# Debian's package leaves the standard message registries out and then fails to list their folder. They only word errors.
sushy.main.Sushy._get_standard_message_registry_collection = lambda self: []

url, user, password, image, path = sys.argv[1:]
root = sushy.Sushy(url, auth=auth.SessionAuth(user, password), verify=False)
seen = {}


def wait(what, condition):
    for _ in range(300):
        if condition():
            return
        time.sleep(0.05)
    raise RuntimeError("never happened: " + what)


def patiently(work):
    """Ironic tries writes again that a BMC refuses for a while; here every 0.5 s, for what takes it seconds."""
    for left in range(20, -1, -1):
        try:
            return work()
        except sushy.exceptions.HTTPError as error:
            if left == 0 or error.status_code not in (400, 409, 503):
                raise
            time.sleep(0.5)


def step(name, work):
    try:
        seen[name] = work()
    except Exception as error:
        status = getattr(error, "status_code", "")
        seen[name] = ("failed: %s %s" % (type(error).__name__, status)).strip()


system = root.get_system(path)
manager = system.managers[0]


def power():
    system.refresh(force=True)
    return system.power_state


def boot():
    target, once = sushy.BOOT_SOURCE_TARGET_PXE, sushy.BOOT_SOURCE_ENABLED_ONCE
    patiently(lambda: system.set_system_boot_options(target, enabled=once, mode=sushy.BOOT_SOURCE_MODE_UEFI))
    return True


def switch(reset, wanted):
    patiently(lambda: system.reset_system(reset))
    wait(wanted, lambda: power() == wanted)
    return power().value


def media():
    """As Ironic: every slot for CDs or DVDs, until one takes the image."""
    last = None
    for drive in manager.virtual_media.get_members():
        if not {sushy.VIRTUAL_MEDIA_CD, sushy.VIRTUAL_MEDIA_DVD} & set(drive.media_types):
            continue
        try:
            drive.insert_media(image)
        except (sushy.exceptions.MissingActionError, sushy.exceptions.HTTPError) as error:
            last = error
            continue
        drive.refresh(force=True)
        inserted = [drive.inserted, drive.image]
        drive.eject_media()

        def empty():
            drive.refresh(force=True)
            return not drive.inserted

        wait("ejected", empty)
        return inserted
    raise last


def bios():
    patiently(lambda: system.bios.set_attribute("ProcVirtualization", "Disabled", apply_time=sushy.APPLY_TIME_ON_RESET))
    system.bios.refresh(force=True)
    return True


def applied():
    if seen["bios"] is not True:
        raise RuntimeError("nothing was set")
    patiently(lambda: system.reset_system(sushy.RESET_FORCE_RESTART))

    def now():
        system.bios.refresh(force=True)
        return system.bios.attributes["ProcVirtualization"] == "Disabled"

    wait("BIOS settings applied", now)
    return True


def volume():
    controller = system.storage.get_members()[0]
    drives = [{"@odata.id": d.path} for d in controller.drives[:2]]
    wish = {"Name": "v", "RAIDType": "RAID1", "Links": {"Drives": drives}}
    patiently(lambda: controller.volumes.create(wish))

    def made():
        controller.volumes.refresh(force=True)
        return len(controller.volumes.members_identities) == 1

    wait("volume", made)
    return True


def update():
    monitor = patiently(lambda: root.get_update_service().simple_update("http://127.0.0.1:9/nothing.bin"))
    wait("task ends", lambda: monitor.get_task().task_state == sushy.TASK_STATE_EXCEPTION)
    return True


def secure_boot():
    patiently(lambda: system.secure_boot.set_enabled(True))
    return True


step("system", lambda: system.power_state.value)
step("boot", boot)
step("on", lambda: switch(sushy.RESET_ON, sushy.POWER_STATE_ON))
step("media", media)
step("registry", lambda: len(system.bios.get_attribute_registry().registry_entries.attributes))
step("bios", bios)
step("applied", applied)
step("secure boot", secure_boot)
step("volume", volume)
step("update", update)
step("macs", lambda: sorted(nic.mac_address for nic in system.ethernet_interfaces.get_members()))
step("disks", lambda: system.storage.drives_sizes_bytes)
step("off", lambda: switch(sushy.RESET_FORCE_OFF, sushy.POWER_STATE_OFF))
print(json.dumps(seen))
