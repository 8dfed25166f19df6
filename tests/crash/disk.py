"""What a power cut could leave of the files that shim.c watched.

A write is on the disk once its file was synced, or at once where the file was opened with O_DSYNC; until then any part
of it may be there and any other not, in sectors of 512 bytes.  A name is there once its directory was synced; before,
the changes of names are there up to some point, in their order, as a journalling file system keeps them.
"""

import struct
from dataclasses import dataclass, field

SECTOR = 512
_HEAD = struct.Struct("<QQQqQQ")
WRITE, TRUNCATE, SYNC, CREATE, RENAME, UNLINK, MAKE_DIRECTORY = range(1, 8)
_SYNCHRONOUS = 1


@dataclass
class Operation:
    kind: int
    inode: int
    directory: int
    offset: int
    synchronous: bool
    data: bytes
    end: int  # where its record ends in the file


def read_record(path):
    """All whole operations of a record."""
    raw = path.read_bytes()
    operations, at = [], 0
    while at + _HEAD.size <= len(raw):
        kind, inode, directory, offset, flags, size = _HEAD.unpack_from(raw, at)
        end = at + _HEAD.size + size
        if end > len(raw):
            break
        operations.append(Operation(kind, inode, directory, offset, bool(flags & _SYNCHRONOUS),
                                    raw[at + _HEAD.size:end], end))
        at = end
    return operations


def _apply(content, operation, first=0, last=None):
    """Applies a write, or only bytes first..last of it, or a truncation."""
    if operation.kind == TRUNCATE:
        del content[operation.offset:]
        content.extend(bytes(operation.offset - len(content)))
        return
    data = operation.data[first:last]
    start = operation.offset + first
    content.extend(bytes(max(0, start - len(content))))
    content[start:start + len(data)] = data


def sectors(operation):
    """The pieces of a write that lie in one sector each, as ranges of its bytes."""
    at = 0
    while at < len(operation.data):
        end = min(len(operation.data), SECTOR - (operation.offset + at) % SECTOR + at)
        yield at, end
        at = end


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list = field(default_factory=list)  # of operations, in order


class Disk:
    """The files as operations arrive; `root` is the inode of the watched directory."""

    def __init__(self, root):
        self.root = root
        self.ids = {root: root}  # inode -> what it is called here: inodes are used again
        self.files = {}
        self.directories = {root: {}}  # inode -> {name: inode}, as on the disk
        self.pending_names = []

    def apply(self, operation):
        kind = operation.kind
        if kind in (CREATE, MAKE_DIRECTORY):
            self.ids[operation.inode] = f"{operation.inode}, made at {operation.end}"
        operation.inode = self.ids.get(operation.inode, operation.inode)
        operation.directory = self.ids.get(operation.directory, operation.directory)
        if kind in (CREATE, RENAME, UNLINK, MAKE_DIRECTORY):
            self.pending_names.append(operation)
            if kind == CREATE:
                self.files[operation.inode] = _File()
        elif kind == SYNC and operation.inode in self.directories_known():
            self._sync_names(operation.inode)
        elif kind == SYNC:
            file = self._file(operation)
            for write in file.pending:
                _apply(file.durable, write)
            file.pending.clear()
        elif operation.synchronous:
            # What was written before and is not synced may still come later: it is laid under this write.
            file = self._file(operation)
            _apply(file.durable, operation)
            file.pending = [pending for pending in file.pending if not _covers(operation, pending)]
        else:
            self._file(operation).pending.append(operation)

    def directories_known(self):
        made = {name.inode for name in self.pending_names if name.kind == MAKE_DIRECTORY}
        return made | self.directories.keys()

    def _file(self, operation):
        return self.files.setdefault(operation.inode, _File())

    def _sync_names(self, directory):
        """A journal keeps the order, so what was done before is there with it."""
        last = max((i for i, name in enumerate(self.pending_names) if name.directory == directory), default=-1)
        for name in self.pending_names[:last + 1]:
            _name(self.directories, name)
        del self.pending_names[:last + 1]

    def pending_writes(self):
        """Writes and truncations that are not on the disk for sure, in the order of each file."""
        return [write for file in self.files.values() for write in file.pending]

    def leave(self, folder, keeps_write, keeps_sector, keeps_names):
        """Writes what is left into a folder.  The arguments decide: for a write whether it is there (True, False, or
        None: ask for each sector), for a sector (by its write and the first of its bytes), and for how many changes of
        names."""
        directories = {inode: dict(names) for inode, names in self.directories.items()}
        for name in self.pending_names[:keeps_names(len(self.pending_names))]:
            _name(directories, name)
        self._write_directory(folder, directories, self.root, (keeps_write, keeps_sector))

    def _write_directory(self, folder, directories, inode, keeps):
        folder.mkdir(exist_ok=True)
        for name, child in directories[inode].items():
            if child in directories:
                self._write_directory(folder / name, directories, child, keeps)
            else:
                (folder / name).write_bytes(self._content(self.files.get(child, _File()), *keeps))

    @staticmethod
    def _content(file, keeps_write, keeps_sector):
        content = bytearray(file.durable)
        for write in file.pending:
            kept = keeps_write(write)
            if kept:
                _apply(content, write)
            elif kept is None and write.kind == WRITE:
                for first, last in sectors(write):
                    if keeps_sector(write, first):
                        _apply(content, write, first, last)
        return content


def _covers(write, pending):
    return (pending.kind == WRITE and write.offset <= pending.offset
            and pending.offset + len(pending.data) <= write.offset + len(write.data))


def _name(directories, operation):
    names = directories[operation.directory]
    text = operation.data.decode()
    if operation.kind == CREATE:
        names[text] = operation.inode
    elif operation.kind == MAKE_DIRECTORY:
        names[text] = operation.inode
        directories[operation.inode] = {}
    elif operation.kind == UNLINK:
        names.pop(text, None)
    else:
        before, after = text.split("\0")
        names[after] = names.pop(before)
