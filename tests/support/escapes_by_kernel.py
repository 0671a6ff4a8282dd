"""Attempts by system calls and by the kernel's files: mounts, namespaces, devices, `/proc`, `/sys`, control groups."""

from __future__ import annotations

from collections.abc import Iterator

from escapes import Attempt

# Whatever they mount goes with the process.
_OWN = "tried(libcall, 'unshare', 0x20000); tried(libcall, 'mount', None, b'/', None, 0x44000, None)\n"
_HERE = _OWN + "folder = f'/tmp/at-{os.getpid()}'; os.mkdir(folder); at = folder.encode()\n"

_CALLS = {
    "mount a tmpfs": _HERE + "libcall('mount', b'x', at, b'tmpfs', 0, None); won('mounted')",
    "bind the root elsewhere": _HERE + "libcall('mount', b'/', at, None, 0x5000, None); won('bound')",
    "mount an overlay": _HERE
    + "[os.mkdir(f'{folder}/{name}') for name in 'luw']\n"
    + "tried(libcall, 'mount', b'x', at, b'tmpfs', 0, None)\n"
    + "[os.makedirs(f'{folder}/{name}', exist_ok=True) for name in 'luw']\n"
    + "options = f'lowerdir=/usr,upperdir={folder}/u,workdir={folder}/w'.encode()\n"
    + "libcall('mount', b'x', f'{folder}/l'.encode(), b'overlay', 0, options); won('mounted')",
    "mount proc anew": _HERE + "libcall('mount', b'proc', at, b'proc', 0, None); won('mounted')",
    "mount sysfs": _HERE + "libcall('mount', b'sysfs', at, b'sysfs', 0, None); won('mounted')",
    "mount debugfs": _HERE + "libcall('mount', b'debugfs', at, b'debugfs', 0, None); won('mounted')",
    "mount devtmpfs": _HERE + "libcall('mount', b'devtmpfs', at, b'devtmpfs', 0, None); won('mounted')",
    "mount control groups, for their release_agent": _HERE
    + "for kind, options in ((b'cgroup', b'none,name=escape'), (b'cgroup', b'memory'), (b'cgroup2', None)):\n"
    + "    if tried(libcall, 'mount', b'x', at, kind, 0, options) is not None: won('mounted')",
    "make the root writable": _OWN + "libcall('mount', None, b'/', None, 0x1020, None); won('remounted')",
    "unmount what hides files": _OWN + "libcall('umount2', b'/dev/shm', 2); won('unmounted')",
    "the newer calls for mounts": "won('opened', call('fsopen', b'tmpfs', 0))",
    "clone the tree of mounts": "won('opened', call('open_tree', -100, b'/', 0x8001))",
    "take read-only off a mount": _OWN
    + "call('mount_setattr', -100, b'/', 0, struct.pack('4Q', 0, 1, 0, 0), 32); won('set')",
    "another root by pivot_root": _HERE
    + "tried(libcall, 'mount', b'x', at, b'tmpfs', 0, None); tried(os.mkdir, folder + '/old')\n"
    + "call('pivot_root', at, at + b'/old'); won('moved')",
    "another root by chroot": "os.chroot('/tmp'); won('moved')",
    "a namespace for users": "libcall('unshare', 0x10000000); won('made')",
    "a process in a namespace for users": "pid = call('clone', 0x10000011, 0, 0, 0, 0)\n"
    + "if not pid: os._exit(0)\nwon('made')",
    "namespaces for mounts": "libcall('unshare', 0x20000); won('made')",
    "namespaces for networks": "libcall('unshare', 0x40000000); won('made')",
    "namespaces for processes": "libcall('unshare', 0x20000000); won('made')",
    "namespaces for control groups": "libcall('unshare', 0x2000000); won('made')",
    "join the namespaces of others": "for pid in pids():\n"
    + "    for name in ('mnt', 'net', 'pid', 'user', 'uts', 'ipc'):\n"
    + "        descriptor = tried(os.open, f'/proc/{pid}/ns/{name}', os.O_RDONLY)\n"
    + "        if descriptor and tried(libcall, 'setns', descriptor, 0) is not None: won('joined'); sys.exit()",
    "make a device": "os.mknod('/tmp/null', stat.S_IFCHR | 0o666, os.makedev(1, 3))\nopens('/tmp/null')",
    "make a device in the workspace": "path = outside['workspace'] + '/device'\n"
    + "os.mknod(path, stat.S_IFBLK | 0o666, os.makedev(7, 0)); won('made'); os.unlink(path)",
    "restart the machine": "allowed(call, 'reboot', 1, 2, 3, 0)",  # wrong magic numbers
    "add swap, a module or another kernel": "allowed(libcall, 'swapon', b'/nowhere', 0)\n"
    + "allowed(call, 'init_module', b'x', 1, b'')\nallowed(call, 'kexec_load', 0, 0, 0, 0xDEAD)",
    "account for processes": "allowed(libcall, 'acct', b'/nowhere')",
    "set the clock": "zone = ctypes.create_string_buffer(8); libcall('gettimeofday', None, zone)\n"
    + "libcall('settimeofday', None, zone); won('set')",
    "name the host": "name = outside['hostname'].encode(); libcall('sethostname', name, len(name)); won('named')",
    "a program for the kernel (bpf)": "won('made', call('bpf', 0, struct.pack('4I', 2, 4, 4, 1), 16))",
    "faults in user space": "won('made', call('userfaultfd', 0))",
    "io_uring": "won('made', call('io_uring_setup', 1, ctypes.create_string_buffer(120)))",
    "performance events of all": "attributes = struct.pack('2I3Q', 1, 112, 0, 0, 0) + bytes(80)\n"
    + "won('made', call('perf_event_open', attributes, -1, 0, -1, 0))",
    "watch every file": "won('made', call('fanotify_init', 0, 0))",
    "a file by its handle": "handle = ctypes.create_string_buffer(struct.pack('Ii', 128, 0) + bytes(128))\n"
    + "mount = ctypes.c_int()\nroot = os.open('/', os.O_RDONLY)\n"
    + "tried(call, 'name_to_handle_at', -100, b'/etc', handle, ctypes.byref(mount), 0)\n"
    + "allowed(call, 'open_by_handle_at', root, handle, 0)",
    "a key in the user's ring": "call('add_key', b'user', outside['abstract'].encode(), b'x', 1, -4); won('added')",
    "search the keys of the session": "won('opened', call('keyctl', 0, -3, 1))",
    "run before all others": "tried(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))\n"
    + "if os.sched_getscheduler(0) == os.SCHED_FIFO: won('set')\n"
    + "os.setpriority(os.PRIO_PROCESS, 0, -20); won('set')",
    "become root": "os.setuid(0); won(os.getuid())",
    "become another group": "os.setgroups([0, 6]); won(os.getgroups())",
}

_WRITING = {
    "what the kernel runs": (
        *("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug"),
        *("/proc/sys/kernel/poweroff_cmd", "/proc/sys/fs/binfmt_misc/status"),
    ),
    "what control groups run at their end": ("/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/*/release_agent"),
    "limits of control groups": (
        *("/sys/fs/cgroup/**/memory.limit_in_bytes", "/sys/fs/cgroup/**/memory.max", "/sys/fs/cgroup/**/pids.max"),
        *("/sys/fs/cgroup/**/cgroup.procs", "/sys/fs/cgroup/**/devices.allow"),
    ),
    "settings of the kernel": ("/proc/sys/kernel/*", "/proc/sys/vm/*", "/proc/sys/fs/*"),
    "settings of the network": ("/proc/sys/net/ipv4/*", "/proc/sys/net/core/*"),
    "settings of modules": ("/sys/module/*/parameters/*",),
    "settings of the machine": (
        "/sys/kernel/mm/*/*",
        "/sys/power/*",
        "/sys/block/*/queue/*",
        "/sys/devices/system/*/*",
    ),
    "interrupts and the system request key": (
        "/proc/sysrq-trigger",
        "/proc/mtrr",
        "/sys/kernel/uevent_helper",
        "/proc/irq/*/smp_affinity",
    ),
    "the supervisor's place when memory runs out": ("/proc/FIRST/oom_score_adj", "/proc/FIRST/coredump_filter"),
    "the supervisor's maps of users": ("/proc/FIRST/uid_map", "/proc/FIRST/setgroups", "/proc/FIRST/gid_map"),
    "programs of the image": ("/usr/bin/env", "/usr/bin/git", "/usr/local/go/bin/go", "/bin/sh"),
    "settings of the image": ("/etc/passwd", "/etc/ld.so.preload", "/etc/resolv.conf", "/etc/hosts", "/etc/shells"),
    "the image's caches": ("/usr/local/lib/bactrian/**",),
}

_READING = {
    "memory, the log and the disks of the machine": (
        *("/dev/mem", "/dev/kmem", "/dev/port", "/proc/kcore", "/dev/kmsg", "/proc/kmsg"),
        *("/dev/sd*", "/dev/vd*", "/dev/xvd*", "/dev/nvme*", "/dev/dm-*", "/dev/loop*", "/dev/mapper/*"),
    ),
    "devices that make others": ("/dev/fuse", "/dev/net/tun", "/dev/kvm", "/dev/vhost*", "/dev/uinput", "/dev/dri/*"),
    "terminals of the machine": ("/dev/tty[0-9]*", "/dev/console", "/dev/vcs*", "/dev/hvc*"),
}

_TELLING = {
    "what others hold": ("/proc/keys", "/proc/timer_list"),
    "what concerns all of the machine": (
        "/proc/timer_list",
        "/proc/sched_debug",
        "/proc/kpagecount",
        "/proc/kpageflags",
    ),
}


def kernel_escapes() -> Iterator[Attempt]:
    """Yield them all."""
    for name, program in _CALLS.items():
        yield Attempt(name=name, program=program)
    for name, paths in _WRITING.items():
        action = "rewrites" if paths[0].startswith("/proc/sys/") else "opens"
        yield Attempt(name=f"write {name}", program=f"{action}(*at_first({paths!r}))")
    for name, paths in _READING.items():
        yield Attempt(name=f"open {name}", program=f"opens(*{paths!r}, flags=os.O_RDONLY)")
    log = "buffer = ctypes.create_string_buffer(100)\nif tried(libcall, 'klogctl', 3, buffer, 100): won('read')\n"
    places = "if any(int(line.split()[0], 16) for line in open('/proc/kallsyms')): won('read')\n"
    for name, paths in _TELLING.items():
        program = f"for path in {paths!r}:\n    data = tried(lambda: open(path, 'rb').read(64))\n"
        program += "    if data and any(data): won('read', path)\n"
        yield Attempt(name=f"read {name}", program=program + log + places)
