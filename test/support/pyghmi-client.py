"""pyghmi's IPMI client against a BMC on a port of loopback: prints what it saw of power and boot device."""
import sys

from pyghmi.ipmi import command

bmc = command.Command(bmc="127.0.0.1", port=int(sys.argv[1]), userid="admin", password="secret")
seen = [bmc.get_power()["powerstate"]]
bmc.set_power("on", wait=10)
seen.append(bmc.get_power()["powerstate"])
bmc.set_power("off", wait=10)
seen.append(bmc.get_power()["powerstate"])
bmc.set_bootdev("network")
seen.append(bmc.get_bootdev()["bootdev"])
print(*seen)
bmc.ipmi_session.logout()
