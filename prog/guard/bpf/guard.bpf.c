// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* guard.bpf - refuses, inside the kernel, to run what the guard has not approved.
 *
 * What is approved hangs on the kernel's own inode ("approved"); the guard puts it there after it
 * has read the content under a read lease, and takes it away before it lets go of the lease. The
 * program cannot ask anybody, so a miss is a refusal: the guard is asked before, when the file is
 * opened (fanotify). It is called after the kernel has locked writers out of a program that starts,
 * so nothing can change between its look and the run. It knows nothing of mounts and namespaces.
 *
 * Attached and pinned it works without the guard, and refuses what the guard has not seen: it fails
 * closed. Owns: the yes and the no. Must not own: digests, lists (user space).
 *
 * Under two licences: the kernel gives the functions used here to GPL-compatible programs alone. */
#include "prog/guard/bpf/kernel_types.h"
#include "prog/guard/bpf/layout.h"

#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

const char licence[] SEC("license") = "GPL"; /* the kernel knows no "GPL OR Apache-2.0" */

#define EPERM 1
#define ETXTBSY 26
#define PROT_EXEC 4u
#define FMODE_WRITE 2u
#define O_TRUNC 01000u
#define PTRACE_MODE_ATTACH 2u

struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, uint32_t);
} approved SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint32_t);
} mode SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct kernel_ages);
} ages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct kernel_counts);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, KERNEL_EVENTS_BYTES);
} events SEC(".maps");

static bool is_approved(struct file *file)
{
	const uint32_t zero = 0;
	const struct kernel_ages *a = bpf_map_lookup_elem(&ages, &zero);
	struct inode *inode = file->f_inode;
	const uint32_t *age;

	if (inode == NULL || a == NULL)
		return false;
	age = bpf_inode_storage_get(&approved, inode, 0, 0);
	return age != NULL && *age >= a->oldest && *age != 0;
}

/* Counts and reports; gives what the hook has to return. */
static int refuse(enum kernel_act act, int error, struct file *file, struct task_struct *task)
{
	const uint32_t zero = 0;
	const uint32_t *m = bpf_map_lookup_elem(&mode, &zero);
	struct kernel_counts *c = bpf_map_lookup_elem(&counts, &zero);
	bool enforce = m != NULL && *m == KERNEL_ENFORCE;
	struct kernel_event *e;

	if (c == NULL || act >= KERNEL__COUNT)
		return enforce ? -error : 0;
	__sync_fetch_and_add(enforce ? &c->refused[act] : &c->would_refuse[act], 1);
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (e == NULL) {
		__sync_fetch_and_add(&c->dropped, 1);
		return enforce ? -error : 0;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->act = act;
	e->refused = enforce;
	e->pid = (uint32_t)(bpf_get_current_pid_tgid() >> 32);
	e->uid = (uint32_t)bpf_get_current_uid_gid();
	bpf_get_current_comm(e->by, sizeof(e->by));
	if (file != NULL) {
		e->dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
		e->ino = BPF_CORE_READ(file, f_inode, i_ino);
		bpf_probe_read_kernel_str(e->name, sizeof(e->name),
					  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	} else if (task != NULL) {
		bpf_probe_read_kernel_str(e->name, sizeof(task->comm), task->comm);
	}
	bpf_ringbuf_submit(e, 0);
	return enforce ? -error : 0;
}

/* Also for a script, and then for its interpreter. The kernel locked writers out before. */
SEC("lsm/bprm_check_security")
int BPF_PROG(on_exec, struct linux_binprm *bprm)
{
	return is_approved(bprm->file) ? 0 : refuse(KERNEL_EXEC, EPERM, bprm->file, NULL);
}

/* Libraries, the dynamic loader, memory files, shared memory segments. Memory without a file is let
 * through: compilers for Java, JavaScript and their like live on it. */
SEC("lsm/mmap_file")
int BPF_PROG(on_map, struct file *file, unsigned long asked, unsigned long prot)
{
	if (file == NULL || (prot & PROT_EXEC) == 0 || is_approved(file))
		return 0;
	return refuse(KERNEL_MAP, EPERM, file, NULL);
}

SEC("lsm/file_mprotect")
int BPF_PROG(on_protect, struct vm_area_struct *vma, unsigned long asked, unsigned long prot)
{
	struct file *file = vma->vm_file;

	if (file == NULL || (prot & PROT_EXEC) == 0 || is_approved(file))
		return 0;
	return refuse(KERNEL_PROTECT, EPERM, file, NULL);
}

/* As if it were running: a new content comes by a new file. Before the lease is asked to go. */
SEC("lsm/file_open")
int BPF_PROG(on_open, struct file *file)
{
	if ((file->f_mode & FMODE_WRITE) == 0 && (file->f_flags & O_TRUNC) == 0)
		return 0;
	return is_approved(file) ? refuse(KERNEL_WRITE, ETXTBSY, file, NULL) : 0;
}

/* Root may, and a debugger may touch what asked it to (PTRACE_TRACEME): that is code of the same
 * right as the debugger. What else runs already may not be written into. */
SEC("lsm/ptrace_access_check")
int BPF_PROG(on_trace, struct task_struct *child, unsigned int mode)
{
	uint32_t pid = (uint32_t)(bpf_get_current_pid_tgid() >> 32);

	if ((mode & PTRACE_MODE_ATTACH) == 0 || (uint32_t)bpf_get_current_uid_gid() == 0 ||
	    (child->ptrace != 0 && (uint32_t)child->parent->tgid == pid))
		return 0;
	return refuse(KERNEL_TRACE, EPERM, NULL, child);
}

static bool is_module(uint32_t id)
{
	if (id == bpf_core_enum_value(enum kernel_read_file_id, READING_MODULE))
		return true;
	return bpf_core_enum_value_exists(enum kernel_read_file_id, READING_MODULE_COMPRESSED) &&
	       id == bpf_core_enum_value(enum kernel_read_file_id, READING_MODULE_COMPRESSED);
}

/* finit_module(2). Writers are not locked out; but who may load modules is root, and who opens an
 * approved file for writing is refused. */
SEC("lsm/kernel_read_file")
int BPF_PROG(on_module, struct file *file, uint32_t id, bool contents)
{
	if (!is_module(id) || (file != NULL && is_approved(file)))
		return 0;
	return refuse(KERNEL_MODULE, EPERM, file, NULL);
}

/* init_module(2): from memory, so nobody knows which file it was. */
SEC("lsm/kernel_load_data")
int BPF_PROG(on_module_bytes, uint32_t id, bool contents)
{
	if (id != bpf_core_enum_value(enum kernel_load_data_id, LOADING_MODULE))
		return 0;
	return refuse(KERNEL_MODULE, EPERM, NULL, NULL);
}
