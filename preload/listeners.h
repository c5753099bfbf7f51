/* SPDX-License-Identifier: MIT */
/* The TCP ports that are listened on: by this process and its ancestors, and, looked up at most
 * once a second, on this machine. Tells the server's side of a socket that came from elsewhere. */
#ifndef PINFO_PRELOAD_LISTENERS_H
#define PINFO_PRELOAD_LISTENERS_H

void pinfo_listeners_add(unsigned port);
int pinfo_listeners_have(unsigned port);

#endif /* PINFO_PRELOAD_LISTENERS_H */
