"""What Ironic's client library does to a machine: prints one JSON object of what it read. usage: URL USER PASSWORD IMAGE"""
import json
import sys
import time

import sushy
import sushy.main
from sushy import auth

# Debian's package leaves the standard message registries out and then fails to list their folder. They only word errors.
sushy.main.Sushy._get_standard_message_registry_collection = lambda self: []

url, user, password, image = sys.argv[1:]
root = sushy.Sushy(url, auth=auth.SessionAuth(user, password))


def wait(what, condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise SystemExit("never happened: " + what)


system = root.get_system_collection().get_members()[0]
manager = root.get_manager_collection().get_members()[0]
seen = {"systems": len(root.get_system_collection().get_members()), "power_before": system.power_state.value}


def power():
    system.refresh()
    return system.power_state


system.set_system_boot_options(sushy.BOOT_SOURCE_TARGET_PXE, enabled=sushy.BOOT_SOURCE_ENABLED_ONCE)
system.refresh()
seen["boot"] = [system.boot.target.value, system.boot.enabled.value]
system.reset_system(sushy.RESET_ON)
wait("on", lambda: power() == sushy.POWER_STATE_ON)
seen["power_after"] = system.power_state.value

drives = manager.virtual_media.get_members()
cd = next(d for d in drives if sushy.VIRTUAL_MEDIA_CD in d.media_types)
cd.insert_media(image)
cd.refresh()
seen["media"] = [cd.inserted, cd.image]
cd.eject_media()
cd.refresh()
seen["ejected"] = not cd.inserted

seen["registry"] = len(system.bios.get_attribute_registry().registry_entries.attributes)
system.bios.set_attribute("ProcVirtualization", "Disabled", apply_time=sushy.APPLY_TIME_ON_RESET)
system.bios.refresh()
seen["pending"] = system.bios.pending_attributes
system.reset_system(sushy.RESET_FORCE_RESTART)


def applied():
    system.bios.refresh()
    return system.bios.attributes["ProcVirtualization"] == "Disabled"


wait("BIOS settings applied", applied)
system.secure_boot.set_enabled(True)

controller = system.storage.get_members()[0]
volume = {"Name": "v", "RAIDType": "RAID1", "Links": {"Drives": [{"@odata.id": d.path} for d in controller.drives[:2]]}}
controller.volumes.create(volume)


def made():
    controller.volumes.refresh(force=True)
    return len(controller.volumes.members_identities) == 1


wait("volume", made)
update = root.get_update_service().simple_update("http://127.0.0.1:9/nothing.bin")
wait("task ends", lambda: update.get_task().task_state == sushy.TASK_STATE_EXCEPTION)
seen["macs"] = [nic.mac_address for nic in system.ethernet_interfaces.get_members()]
seen["disks"] = system.storage.drives_sizes_bytes
print(json.dumps(seen))
