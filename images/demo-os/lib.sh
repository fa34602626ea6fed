# Shell functions shared by the image builders of this folder. Sourced, not run.
# Everything is made with file tools: no loop device, no mount, no chroot of the image.

umask 022
export LC_ALL=C TZ=UTC
export PATH="$PATH:/usr/sbin:/sbin"
# One date for everything that ends in an image, so that the same inputs give the same bytes.
export SOURCE_DATE_EPOCH=1767225600

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${INGOT_CACHE:-$ROOT/.cache}

say() { echo "$(basename "$(dirname "$0")"): $*" >&2; }
die() { say "$*"; exit 1; }

# apt_current PACKAGE: the version apt would install. Refreshes the package lists when they say nothing.
apt_current() {
  local version
  version=$(apt-cache policy "$1" | sed -n 's/^  Candidate: //p')
  if [[ -z $version || $version == "(none)" ]]; then
    apt-get update -q >/dev/null
    version=$(apt-cache policy "$1" | sed -n 's/^  Candidate: //p')
  fi
  [[ -n $version && $version != "(none)" ]] || die "no Debian package $1 to be had"
  echo "$version"
}

# kernel_package META: name of the package that META (linux-image-cloud-amd64) stands for today.
# It moves with security updates, so it is resolved, never pinned.
kernel_package() {
  apt_current "$1" >/dev/null
  apt-cache depends "$1" | awk '/Depends: linux-image-[0-9]/{print $2; exit}'
}

# kernel_tree META: unpacks the kernel package into the cache, prints the folder (boot/, lib/modules/ with modules.dep).
kernel_tree() {
  local package version dir work release
  package=$(kernel_package "$1")
  [[ -n $package ]] || die "cannot tell which kernel $1 stands for"
  version=$(apt_current "$package")
  dir=$CACHE/kernel/${package}_${version//[^A-Za-z0-9.+~-]/_}
  if [[ ! -e $dir/done ]]; then
    say "fetching $package $version"
    mkdir -p "$CACHE/kernel"
    work=$(mktemp -d "$CACHE/kernel/.new.XXXXXX")
    (cd "$work" && apt-get download -q -o APT::Sandbox::User=root "$package=$version" >/dev/null && dpkg-deb -x ./*.deb tree) ||
      die "cannot download $package"
    release=$(ls "$work/tree/lib/modules")
    depmod -b "$work/tree" "$release"
    touch "$work/tree/done"
    rm -rf "$dir"
    mv "$work/tree" "$dir"
    rm -rf "$work"
  fi
  echo "$dir"
}

# module_files TREE MODULE...: paths of the modules and all they depend on, in the order to load them.
module_files() {
  local tree=$1 release
  shift
  release=$(ls "$tree/lib/modules")
  local module
  for module in "$@"; do
    modprobe -d "$tree" -S "$release" --show-depends "$module" | awk '$1 == "insmod" {print $2}'
  done | awk '!seen[$0]++'
}

# initramfs DIR OUT: packs DIR, same bytes each time.
initramfs() {
  find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  (cd "$1" && find . -print0 | sort -z | cpio --quiet --null -o -H newc --owner 0:0 --reproducible) |
    zstd -q -12 -T1 -f -o "$2"
}

# grub_images DIR LABEL: makes DIR/core.img (BIOS) and DIR/bootx64.efi; both find the file system labelled LABEL and
# read /boot/grub/grub.cfg there.
grub_images() {
  local dir=$1 label=$2
  cat >"$dir/load.cfg" <<CFG
search --no-floppy --label $label --set=root
set prefix=(\$root)/boot/grub
configfile \$prefix/grub.cfg
CFG
  local common="part_gpt part_msdos ext2 fat search search_label configfile normal linux boot echo test reboot halt"
  # shellcheck disable=SC2086
  grub-mkimage -O i386-pc -c "$dir/load.cfg" -p /boot/grub -o "$dir/core.img" biosdisk $common
  # shellcheck disable=SC2086
  grub-mkimage -O x86_64-efi -c "$dir/load.cfg" -p /boot/grub -o "$dir/bootx64.efi" $common
}

# le64 NUMBER: eight bytes, least significant first.
le64() {
  local n=$1 i
  for i in 0 1 2 3 4 5 6 7; do printf '%b' "\\x$(printf %02x $((n >> (8 * i) & 255)))"; done
}

# place_bios_grub DISK CORE LBA: what grub-bios-setup does, without a block device: boot.img into the first 440 bytes
# (the protective MBR's table stays), core.img into the BIOS boot partition, each told where the next one starts.
place_bios_grub() {
  local disk=$1 core=$2 lba=$3 boot
  boot=$(mktemp)
  cp /usr/lib/grub/i386-pc/boot.img "$boot"
  le64 "$lba" | dd of="$boot" bs=1 seek=$((0x5c)) conv=notrunc status=none
  printf '\x90\x90' | dd of="$boot" bs=1 seek=$((0x66)) conv=notrunc status=none
  dd if="$boot" of="$disk" bs=440 count=1 conv=notrunc status=none
  le64 $((lba + 1)) | dd of="$core" bs=1 seek=$((0x1f4)) conv=notrunc status=none
  dd if="$core" of="$disk" bs=512 seek="$lba" conv=notrunc status=none
  rm -f "$boot"
}

# fat_image FILE MIB LABEL: an empty FAT file system in FILE.
fat_image() {
  rm -f "$1"
  truncate -s "$2M" "$1"
  mkfs.vfat --invariant -i 1A60B007 -n "$3" "$1" >/dev/null
}

# publish WORK OUT: sums and qcow2 form of WORK/disk.raw, then the folder appears in the cache as a whole. What it
# replaces goes (older builds of the same image, by the name before the dash), and what a killed build has left.
publish() {
  local work=$1 out=$2
  qemu-img convert -q -c -f raw -O qcow2 "$work/disk.raw" "$work/disk.qcow2"
  (cd "$work" && sha256sum disk.raw disk.qcow2 >SHA256SUMS)
  chmod 755 "$work"
  find "$(dirname "$out")" -mindepth 1 -maxdepth 1 \( -name "$(basename "${out%-*}")-*" -o -name '.new.*' -mmin +60 \) \
    -exec rm -rf {} +
  mv "$work" "$out"
}
