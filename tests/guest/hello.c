/* SPDX-License-Identifier: MIT */
/* Arguments, standard input and exit status arrive. */
/* args: one "two words" */
/* stdin: a line\nanother\n */
/* dynamic */
/* exit: 7 */
/* expect:
3 arguments
one
two words
[a line]
[another]
*/
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	char line[100];

	printf("%d arguments\n", argc);
	for (int i = 1; i < argc; i++)
		puts(argv[i]);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		printf("[%s]\n", line);
	}
	return 7;
}
