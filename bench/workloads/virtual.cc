// SPDX-License-Identifier: MIT
// Workload: virtual calls of C++ - a tree of expressions evaluated over and over, visitors, a closure behind a base class. group: calls
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

struct Visitor;

struct Node {
	virtual ~Node() = default;
	virtual uint64_t value(uint64_t x) const = 0;
	virtual void accept(Visitor &visitor) const = 0;
};

struct Leaf;
struct Sum;
struct Product;

struct Visitor {
	virtual ~Visitor() = default;
	virtual void visit(const Leaf &leaf) = 0;
	virtual void visit(const Sum &sum) = 0;
	virtual void visit(const Product &product) = 0;
};

using Child = std::unique_ptr<Node>;

struct Leaf final : Node {
	uint64_t factor;
	explicit Leaf(uint64_t f) : factor(f) {}
	uint64_t value(uint64_t x) const override { return x * factor + 1; }
	void accept(Visitor &visitor) const override { visitor.visit(*this); }
};

struct Sum final : Node {
	Child a, b;
	Sum(Child l, Child r) : a(std::move(l)), b(std::move(r)) {}
	uint64_t value(uint64_t x) const override { return a->value(x) + b->value(x ^ 3); }
	void accept(Visitor &visitor) const override { visitor.visit(*this); }
};

struct Product final : Node {
	Child a, b;
	Product(Child l, Child r) : a(std::move(l)), b(std::move(r)) {}
	uint64_t value(uint64_t x) const override { return a->value(x + 1) * (b->value(x) | 1); }
	void accept(Visitor &visitor) const override { visitor.visit(*this); }
};

struct Counter final : Visitor {
	uint64_t leaves = 0, inner = 0;
	void visit(const Leaf &leaf) override { leaves += leaf.factor & 1; }
	void visit(const Sum &sum) override { inner++; sum.a->accept(*this); sum.b->accept(*this); }
	void visit(const Product &product) override { inner += 2; product.b->accept(*this); product.a->accept(*this); }
};

Child build(unsigned depth, uint64_t &seed)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	if (!depth || (seed >> 60) == 0)
		return Child(new Leaf(seed >> 40));
	Child a = build(depth - 1, seed), b = build(depth - 1, seed);
	if (seed >> 63)
		return Child(new Sum(std::move(a), std::move(b)));
	return Child(new Product(std::move(a), std::move(b)));
}

} // namespace

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	uint64_t seed = 7, sum = 0;
	std::vector<Child> trees;
	Counter counter;

	for (unsigned i = 0; i < 16; i++)
		trees.push_back(build(4 + i % 5, seed));
	for (unsigned round = 0; round < 480 * scale; round++)
		for (auto &tree : trees) {
			sum += tree->value(round);
			if (round % 4 == 0)
				tree->accept(counter);
		}
	printf("virtual %016llx\n", static_cast<unsigned long long>(sum ^ counter.leaves ^ counter.inner << 32));
}
