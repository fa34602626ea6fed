"""A BMC made of pyghmi's server, which virtualbmc is built on, with a power switch instead of libvirt behind it.

usage: pyghmi-bmc.py PORT     user admin, password secret, on 127.0.0.1; prints "ready"
"""
import sys

from pyghmi.ipmi import bmc


class Machine(bmc.Bmc):
    def __init__(self, port):
        super().__init__({"admin": "secret"}, port=port, address="127.0.0.1")
        self.power = "off"
        self.device = "default"

    def get_power_state(self):
        return self.power

    def power_on(self):
        self.power = "on"
        return 0

    def power_off(self):
        self.power = "off"
        return 0

    def get_boot_device(self):
        return self.device

    def set_boot_device(self, device):
        self.device = device


machine = Machine(int(sys.argv[1]))
print("ready", flush=True)
machine.listen()
