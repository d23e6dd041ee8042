# What nginx says of itself, without what clients said. Its lines of level error and crit carry request lines, and with
# them signatures and tokens, and paths that clients chose. What is kept of one: when, how bad, whose process, the call
# that failed, and why, in the kernel's words, of which there are no others. Nothing else of such a line is. Above that
# (alert, emerg) it speaks of itself alone.
/^[0-9/]+ [0-9:]+ \[(alert|emerg)\] /{
    p
    d
}
s/, (client|server|request|upstream|host|referrer): .*//
s/^([0-9/]+ [0-9:]+ \[(crit|error)\] [0-9]+#[0-9]+: )(\*[0-9]+ )?([a-z_0-9]{1,24}\(\)|upstream timed out|upstream prematurely closed)([ "].*)?\(([0-9]{1,3}: (No space left on device|Disk quota exceeded|File too large|Read-only file system|Input\/output error|Permission denied|Too many open files( in system)?|Cannot allocate memory|No such file or directory|Connection (refused|reset by peer|timed out)|Resource temporarily unavailable|Cannot assign requested address|No buffer space available|Broken pipe|Interrupted system call|Operation not permitted|Not a directory))\).*/\1\4: \6/p
