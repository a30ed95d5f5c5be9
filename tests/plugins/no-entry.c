/* SPDX-License-Identifier: MIT */
/* Test library: a plugin of no kind. */
int plug_in(void);
int plug_in(void)
{
	return 1;
}
