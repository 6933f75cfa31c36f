#!/bin/sh
# Boots a systemd that has nothing but what the test gives it, and that nobody outside notices.
# Run in namespaces of its own: mounts, processes, IPC, host name; see booted.py.
#   $1 an empty folder   $2 a user's name   $3 the user's id   more: what the user must be able to read
set -eu
[ $$ = 1 ] || exit 1 # anywhere else this would change the machine
folder=$1 user=$2 id=$3
shift 3

mount --make-rprivate /

# A copy of a mount keeps whoever serves it from ending: those of other tests are not for here.
grep ' - fuse' /proc/self/mountinfo | cut -d ' ' -f 5 | while read -r place; do
    umount -c -l "$(printf '%b' "$place")"
done

# A group of processes of its own, which to those inside is all there is.
mkdir "$folder/groups"
mount -t cgroup2 none "$folder/groups"
group=$(mktemp -d "$folder/groups/modelfs-test-XXXXXX")
chmod 755 "$group"
echo "$group" >"$folder/group"
echo $$ >"$group/cgroup.procs"

# What systemd sets at its start would be set for the whole machine.
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys

mkdir "$folder/dev"
mount -t tmpfs -o mode=755 none "$folder/dev"
mkdir "$folder/dev/pts" "$folder/dev/shm"
for name in null zero full random urandom tty; do
    touch "$folder/dev/$name"
    mount --bind "/dev/$name" "$folder/dev/$name"
done
mknod -m 666 "$folder/dev/fuse" c 10 229 # as on an ordinary system
mount --rbind "$folder/dev" /dev

mount -t tmpfs -o mode=755 none /run
mkdir -p /run/test /run/systemd/system "/run/user/$id"
chown "$id:$id" "/run/user/$id"

# The checkout and its Python must be to be read by an ordinary user, wherever they are: what lies
# behind a folder that is closed to others is put where it is without that folder.
mkdir /run/kept
number=0
for path in "$@"; do
    number=$((number + 1))
    mkdir "/run/kept/$number"
    mount --bind "$path" "/run/kept/$number"
done
for path in "$@"; do
    closed='' above=$path
    while [ "$above" != / ]; do
        case $(stat -c %A "$above") in *x | *t) ;; *) closed=$above ;; esac
        above=$(dirname "$above")
    done
    [ -z "$closed" ] || mount -t tmpfs -o mode=755 none "$closed"
done
number=0
for path in "$@"; do
    number=$((number + 1))
    mkdir -p "$path"
    mountpoint -q "$path" || mount --bind "/run/kept/$number" "$path"
done

# A user of this world alone. In an /etc of its own: a mount on one file ends when somebody outside
# renames another file there.
cp -a /etc /run/test/etc
mount --bind /run/test/etc /etc
echo "$user:x:$id:$id::/home/$user:/bin/sh" >>/etc/passwd
mount -t tmpfs -o mode=755 none /home
mkdir "/home/$user"
chown "$id:$id" "/home/$user"

# Units of our own only: those of the machine would begin to clean and set up the machine.
rm -rf /etc/systemd
mkdir -p /etc/systemd/system /run/test/units
for target in basic sysinit shutdown multi-user default timers exit; do
    printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" \
        >"/run/test/units/$target.target"
done
mkdir /run/test/units/service.d
printf '[Service]\nRestartSec=100ms\nStandardOutput=append:/run/test/log\nStandardError=append:/run/test/log\n' \
    >/run/test/units/service.d/log.conf
touch /run/test/log
chmod 666 /run/test/log
cat >/run/test/units/user-manager.service <<UNIT
[Service]
User=$user
Type=notify
ExecStart=/lib/systemd/systemd --user --unit=default.target
Environment=XDG_RUNTIME_DIR=/run/user/$id
Environment=SYSTEMD_UNIT_PATH=/home/$user/.config/systemd/user:/run/test/units
Environment=SYSTEMD_GENERATOR_PATH= SYSTEMD_ENVIRONMENT_GENERATOR_PATH= SYSTEMD_LOG_LEVEL=warning
Delegate=yes
KillMode=mixed
UNIT

export container=modelfs-test SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/test/units
export SYSTEMD_GENERATOR_PATH='' SYSTEMD_LOG_TARGET=null
# The group of processes is the root of all groups from here on, and the only kind of groups.
exec unshare --cgroup sh -c '
    mount -t cgroup2 none /sys/fs/cgroup
    exec /lib/systemd/systemd --system --unit=basic.target --show-status=no'
