// The C library's module leaves this header out.
#pragma once
#include <sys/epoll.h>
