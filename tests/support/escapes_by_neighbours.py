"""Attempts on what lives beside a container: files, processes, memory and sockets of the host, and process 1."""

from __future__ import annotations

from collections.abc import Iterator

from escapes import Attempt

_SECRET = "outside['folder'] + '/secret'"
_ROUTES = "[f'/proc/{pid}/{way}' for pid in pids() for way in ('root', 'cwd')]"

_FILES = {
    "read a file by its path": f"reveal({_SECRET})",
    "write a file by its path": f"open({_SECRET}, 'w').write('written')",
    "make a file by its path": "open(outside['folder'] + '/made', 'w').close()",
    "read through other processes' roots": f"[reveal(way + {_SECRET}) for way in {_ROUTES}]",
    "write through other processes' roots": f"for way in {_ROUTES}:\n"
    + f"    tried(lambda: open(way + {_SECRET}, 'w').write('x'))",
    "read through other processes' folders": "[reveal(f'/proc/{pid}/cwd/secret') for pid in pids()]",
    "read through the outer root of every mount": "for line in open('/proc/self/mountinfo'):\n"
    + "    at = line.split()[4]\n"
    + f"    [reveal(at + '/..' * depth + {_SECRET}) for depth in range(9)]",
    "make a second name for a file outside": "os.chdir(outside['workspace'])\n"
    + f"[tried(os.link, way + {_SECRET}, 'second') for way in ('', '/proc/1/root', '/proc/self/root')]\n"
    + "reveal('second')",
    "read through descriptors that were left open": "for number in range(200):\n"
    + f"    [reveal(f'/proc/{{pid}}/fd/{{number}}{{up}}' + {_SECRET})\n"
    + "     for pid in ('self', 1) for up in ('', '/..' * 3, '/..' * 12)]",
    "move a file out by renaming": "source = outside['workspace'] + '/moved'; open(source, 'w').close()\n"
    + "os.rename(source, outside['folder'] + '/moved')",
    "a file that makes its user root": "path = outside['workspace'] + '/sh'\n"
    + "open(path, 'wb').write(b'x'); tried(os.chown, path, 0, 0); os.chmod(path, 0o6755)",
}

_PROCESSES = {
    "see processes of the host": "won('seen', victim())",
    "read a process's environment": "[reveal(f'/proc/{pid}/environ') for pid in pids()]",
    "read a process's arguments": "for pid in pids():\n"
    + "    if tried(lambda: outside['victim'] in open(f'/proc/{pid}/cmdline').read()) and pid != os.getpid():\n"
    + "        won(pid)",
    "end a process": "os.kill(victim(), signal.SIGKILL)",
    "stop a process": "os.kill(victim(), signal.SIGSTOP)",
    "end a process by a handle": "handle = call('pidfd_open', victim(), 0)\n"
    + "signal.pidfd_send_signal(handle, signal.SIGKILL)",
    "take a process's descriptor": "handle = call('pidfd_open', victim(), 0); won(call('pidfd_getfd', handle, 1, 0))",
    "write to a process's terminal": "open(f'/proc/{victim()}/fd/1', 'w').write('\\x1b]52;c;eA==\\x07')",
    "trace a process": "pid = victim(); libcall('ptrace', 16, pid, 0, 0); won('attached')\n"
    + "os.waitpid(pid, 0); libcall('ptrace', 17, pid, 0, 0)",
    "read a process's memory": "pid = victim(); maps = open(f'/proc/{pid}/maps').read()\n"
    + "memory = open(f'/proc/{pid}/mem', 'rb', 0)\n"
    + "for line in maps.splitlines():\n"
    + "    if '[stack]' in line:\n"
    + "        start, end = (int(part, 16) for part in line.split()[0].split('-'))\n"
    + "        memory.seek(start); sys.stdout.buffer.write(memory.read(end - start))",
    "read a process's memory by a call": "pid = victim(); maps = open(f'/proc/{pid}/maps').read()\n"
    + "start = int(maps.split('-')[0], 16); buffer = ctypes.create_string_buffer(8)\n"
    + "ours = struct.pack('PL', ctypes.addressof(buffer), 8); theirs = struct.pack('PL', start, 8)\n"
    + "if libcall('process_vm_readv', pid, ours, 1, theirs, 1, 0) == 8: won('read')",
    "compare with a process": "call('kcmp', os.getpid(), victim(), 0, 0, 0); won('compared')",
    "lower a process's rank": "os.setpriority(os.PRIO_PROCESS, victim(), 19); won('set')\nimport resource\n"
    + "resource.prlimit(victim(), resource.RLIMIT_CORE); won('known')",
}

_SUPERVISOR = {
    "memory of process 1": "opens(f'/proc/{first}/mem', flags=os.O_RDWR)",
    "descriptors of process 1": "opens(f'/proc/{first}/fd/*', flags=os.O_WRONLY)",
    "the environment of process 1": "opens(f'/proc/{first}/environ', flags=os.O_RDONLY)",
    "the program of process 1": "won(os.readlink(f'/proc/{first}/exe'))",
    "the root of process 1": "won(os.listdir(f'/proc/{first}/root'))",
    "the maps of process 1": "if open(f'/proc/{first}/maps').read(): won('read')",
    "the stack of process 1": "if open(f'/proc/{first}/stack').read(): won('read')",
    "a handle on a descriptor of process 1": "handle = call('pidfd_open', first, 0)\n"
    + "won(call('pidfd_getfd', handle, 1, 0))",
}

_MEMORY = {
    "shared memory of System V": "number = libcall('shmget', outside['key'], 64, 0o666)\n"
    + "libc.shmat.restype = ctypes.c_void_p; at = libc.shmat(number, None, 0)\n"
    + "print(ctypes.string_at(at, 64)); ctypes.memset(at, 65, 1)",
    "a file of /dev/shm": "path = '/dev/shm/' + outside['abstract']; reveal(path); open(path, 'r+').write('x')",
}

_SOCKETS = {
    "a socket by its path": "socket.socket(socket.AF_UNIX).connect(outside['folder'] + '/socket')",
    "an abstract socket": "socket.socket(socket.AF_UNIX).connect('\\0' + outside['abstract'])",
    "a socket through another root": "for pid in pids():\n"
    + "    path = f'/proc/{pid}/cwd/socket'; tried(socket.socket(socket.AF_UNIX).connect, path)\n"
    + "    path = f'/proc/{pid}/root' + outside['folder'] + '/socket'\n"
    + "    tried(socket.socket(socket.AF_UNIX).connect, path)",
    "loopback": "socket.create_connection(('127.0.0.1', outside['port']), 3)",
    "loopback, version 6": "socket.create_connection(('::1', outside['port']), 3)",
    "no address": "socket.create_connection(('0.0.0.0', outside['port']), 3)",
    "loopback in a mapped address": "socket.create_connection(('::ffff:127.0.0.1', outside['port']), 3)",
    "addresses of the host and its bridges": "for address in outside['addresses']:\n"
    + "    tried(socket.create_connection, (address, outside['port']), 3)",
    "the host's usual address from inside": "for address in ('172.17.0.1', '10.0.2.2', '10.88.0.1', '192.168.65.2',\n"
    + "                'host.docker.internal', 'host.containers.internal', 'gateway.docker.internal'):\n"
    + "    if tried(socket.create_connection, (address, outside['port']), 1): won(address)",
    "datagrams": "for address in ('127.0.0.1', '::1', *outside['addresses']):\n"
    + "    family = socket.AF_INET6 if ':' in address else socket.AF_INET\n"
    + "    tried(socket.socket(family, socket.SOCK_DGRAM).sendto, b'x', (address, outside['port']))",
    "questions to a name server": "for server in ('1.1.1.1', '8.8.8.8', '127.0.0.53'):\n"
    + "    talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    + "    if server != '127.0.0.53' and tried(talk.sendto, b'\\0' * 12, (server, 53)): won(server)\n"
    + "    elif tried(talk.sendto, b'\\0' * 12, (server, outside['port'])): pass",
    "a cloud's data of its machine": "talk = socket.socket(); talk.setblocking(False)\n"
    + "code = talk.connect_ex(('169.254.169.254', 80))\n"
    + "if code in (0, errno.EINPROGRESS): won('sent')",
    "everybody on the link": "for number, name in socket.if_nameindex():\n"
    + "    talk = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
    + "    if name != 'lo' and tried(talk.sendto, b'x', ('ff02::1', 9, 0, number)): won(name)",
    "raw packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); won('made')",
    "others by an echo": "for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):\n"
    + "    talk = tried(socket.socket, socket.AF_INET, kind, socket.IPPROTO_ICMP)\n"
    + "    packet = b'\\x08\\0\\xf7\\xff\\0\\0\\0\\0'\n"
    + "    if talk and tried(talk.sendto, packet, ('192.0.2.1', 0)): won('sent')",
    "settings of an interface": "import fcntl\ntalk = socket.socket()\n"
    + "request = fcntl.ioctl(talk, 0x8913, struct.pack('16sh22x', b'lo', 0))\n"
    + "fcntl.ioctl(talk, 0x8914, request); won('set')",
    "other interfaces": "names = [name for _, name in socket.if_nameindex() if name != 'lo']\nif names: won(*names)",
    "the host of a virtual machine": "socket.socket(40, socket.SOCK_STREAM); won('made')",
}

_PATHS = (
    *("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"),
    *("/run/crio/crio.sock", "/run/buildkit/buildkitd.sock", "/run/user/1000/podman/podman.sock"),
)
_DESKTOP = (
    *("/run/dbus/system_bus_socket", "/run/user/1000/bus", "/tmp/.X11-unix/X0", "/run/systemd/private"),
    *("/run/user/1000/gnupg/S.gpg-agent", "/run/user/1000/keyring/ssh", "/run/user/1000/wayland-0"),
)
DIALLED = (_PATHS[0], _DESKTOP[0])
"""Where the control shows a socket of the host."""


def neighbour_escapes() -> Iterator[Attempt]:
    """Yield them all."""
    on_host = ("make a second name for a file outside", "move a file out by renaming")
    left_open = "read through descriptors that were left open"
    for name, program in _FILES.items():
        yield Attempt(name=name, program=program, control="host" if name in (*on_host, left_open) else "weak")
    for table in (_PROCESSES, _MEMORY):
        for name, program in table.items():
            yield Attempt(name=name, program=program)
    for name, program in _SUPERVISOR.items():
        yield Attempt(name=name, program=program)
    for name, program in _SOCKETS.items():
        yield Attempt(name=f"reach {name}", program=program)
    for name, paths in (("engines", _PATHS), ("the desktop and the system", _DESKTOP)):
        program = f"for path in {paths!r}: tried(socket.socket(socket.AF_UNIX).connect, path)"
        yield Attempt(name=f"reach sockets of {name}", program=program)
    suid = r"""
if os.getuid() == 0:
    os.setgroups([]); os.setgid(1000); os.setuid(1000)
for path in glob.glob('/usr/bin/*') + glob.glob('/usr/sbin/*'):
    if tried(os.stat, path) and os.stat(path).st_mode & 0o4000 and os.stat(path).st_uid == 0:
        # It waits for a password, which nobody types.
        process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        status = tried(lambda: open(f'/proc/{process.pid}/status').read()) or ''
        line = next((line.split() for line in status.splitlines() if line.startswith('Uid:')), [])
        if '0' in line[1:]:
            won(path, *line)
        process.kill()
        process.wait()
"""
    yield Attempt(name="programs that make their user root", program=suid)
