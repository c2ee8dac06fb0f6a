/* kernel_types - the few members of the kernel's structures that guard.bpf.c reads.
 *
 * Not a copy of the kernel's layout: where each member lies is filled in when the program is
 * loaded, from the running kernel's own description (CO-RE). So one object serves every kernel that
 * has members of these names. */
#ifndef GS_GUARD_BPF_KERNEL_TYPES_H
#define GS_GUARD_BPF_KERNEL_TYPES_H

#include <stdint.h>

/* What bpf_helpers.h expects of vmlinux.h. */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed short __s16;
typedef signed int __s32;
typedef signed long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

#ifdef __bpf__
#define CORE __attribute__((preserve_access_index))
#else
#define CORE /* it is read by checks alone */
#endif

struct super_block {
	uint32_t s_dev;
} CORE;

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
} CORE;

struct qstr {
	const unsigned char *name;
} CORE;

struct dentry {
	struct qstr d_name;
} CORE;

struct path {
	struct dentry *dentry;
} CORE;

struct file {
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_flags;
	unsigned int f_mode;
} CORE;

struct linux_binprm {
	struct file *file;
} CORE;

struct vm_area_struct {
	struct file *vm_file;
} CORE;

struct task_struct {
	unsigned int ptrace;
	int tgid;
	struct task_struct *parent;
	char comm[16];
} CORE;

/* Their numbers, too, are the running kernel's. */
enum kernel_read_file_id {
	READING_MODULE = 2,
	READING_MODULE_COMPRESSED = 3, /* since Linux 6.17 */
};

enum kernel_load_data_id {
	LOADING_MODULE = 2,
};

enum bpf_map_type_used {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_INODE_STORAGE = 28,
};

#define BPF_F_NO_PREALLOC 1u

#endif
