/* SPDX-License-Identifier: MIT */
/* Workload: single precision - a filter bank over samples converted from and to 16 bits, clipping, levels. group: floating */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 2048, TAPS = 12, BANDS = 3 };
static short pcm[SAMPLES];
static float input[SAMPLES], output[SAMPLES], band[SAMPLES], taps[TAPS];

static void from_pcm(void)
{
	for (int i = 0; i < SAMPLES; i++)
		input[i] = pcm[i] * (1 / 32768.0f);
}

static void smooth(void)
{
	for (int i = TAPS - 1; i < SAMPLES; i++) {
		float sum = 0;
		for (int n = 0; n < TAPS; n++)
			sum += taps[n] * input[i - n];
		output[i] = sum;
	}
}

/* One second-order section, transposed direct form. */
static void section(float b0, float b1, float b2, float a1, float a2)
{
	float z1 = 0, z2 = 0;

	for (int i = 0; i < SAMPLES; i++) {
		float x = output[i], y = b0 * x + z1;
		z1 = b1 * x - a1 * y + z2;
		z2 = b2 * x - a2 * y;
		band[i] = y;
	}
}

static float level(void)
{
	float peak = 0, energy = 0, envelope = 0;

	for (int i = 0; i < SAMPLES; i++) {
		float a = fabsf(band[i]);
		peak = a > peak ? a : peak;
		energy += a * a;
		envelope += (a - envelope) * (a > envelope ? 0.3f : 0.01f);
	}
	return peak + sqrtf(energy / SAMPLES) + envelope;
}

static void to_pcm(float gain)
{
	for (int i = 0; i < SAMPLES; i++) {
		float v = fmaxf(-32768, fminf(32767, output[i] * gain * 32768));
		pcm[i] = (short)(v + (v < 0 ? -0.5f : 0.5f)) / 2 + (i * 7919 % 4001 - 2000) * 4;
	}
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	double sum = 0;

	for (int i = 0; i < SAMPLES; i++)
		pcm[i] = (i * 7919 % 4001 - 2000) * 8;
	for (int n = 0; n < TAPS; n++)
		taps[n] = (n < TAPS / 2 ? n + 1 : TAPS - n) / 42.0f;
	for (unsigned round = 0; round < 25 * scale; round++) {
		from_pcm();
		smooth();
		for (int n = 0; n < BANDS; n++) {
			section(0.2f + n * 0.05f, 0.1f, -0.2f, -0.7f + n * 0.2f, 0.3f);
			sum += level();
		}
		to_pcm(1.02f);
	}
	printf("%.3f %d\n", sum, pcm[99]);
	return 0;
}
