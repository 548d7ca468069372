r"""Kinds of golds and answers on which math graders are wrong, with the right value of each.

The values are those of mathematics and of the sets' own graders; `\boxed{…}` around an answer is written out.
"""

import time

import pytest

from reward_fn.schema import FailureKind

NAME = "math_verify_reward"

KINDS = {
    "golds in bare LaTeX, as verl's data script for MATH stores them": [
        (r"2\sqrt{5}", r"\boxed{\sqrt{20}}", 1),
        (r"\sqrt{2}", r"\boxed{\sqrt{2}}", 1),
        ("x^2 + 3", r"\boxed{3}", 0),
        ("2x+1", r"\boxed{1+2x}", 1),
        ("2x+1", r"\boxed{2}", 0),
        (r"\frac{\sqrt{3}}{2}", r"\boxed{\sqrt{3}/2}", 1),
        (r"\frac43", r"\boxed{4/3}", 1),
        (r"\frac{9}{7}", r"\boxed{7}", 0),
        (r"11\sqrt2", r"\boxed{11\sqrt{2}}", 1),
        ("p - q", r"\boxed{p-q}", 1),
        ("p - q", r"\boxed{q-p}", 0),
        (r"\left( 3, \frac{\pi}{2} \right)", r"\boxed{(3, \pi/2)}", 1),
    ],
    "golds in other forms": [
        ("$48$, $384$", r"\boxed{48, 384}", 1),
        ("$48$, $384$", r"\boxed{384}", 0),
        (r"The roots sum to $\boxed{7}$.", "7", 1),
        ("Janet sells 9 eggs.\n#### 18", r"So \boxed{18}", 1),
        ("Janet sells 9 eggs.\nA: 18", "A: 18", 1),
        ('["18", "x"]', r"\boxed{18}", 1),
        (18, r"\boxed{18}", 1),
        (1.5, r"\boxed{\frac32}", 1),
        ([7, 18], r"\boxed{18}", 1),
        (r"\text{Evelyn}", r"\boxed{Evelyn}", 1),
        (r"\text{Evelyn}", "The answer is Evelyn.", 1),
        (r"\text{Evelyn}", "The answer is Bob.", 0),
        (r"\text{even}", r"It is \boxed{\text{odd}}.", 0),
        ("Yes", "Yes, because 3 is odd.", 1),
        ("the derivative", "derivative", 1),
    ],
    "several boxes": [
        ("12", r"So \boxed{10}. Wait, recheck: \boxed{12}", 1),
        ("10", r"So \boxed{10}. Wait, recheck: \boxed{12}", 0),
        ("$1,2$", r"The roots are \boxed{1} and \boxed{2}.", 1),
        ("1,2", r"$x=\boxed{1}$ or $x=\boxed{2}$", 1),
        ("2", r"The roots are \boxed{1} and \boxed{2}.", 0),
        ("42", r"\boxed{41} \boxed{42} \boxed{43}", 0),
    ],
    "other scripts and Unicode marks": [
        ("42", "答案是42。", 1),
        ("3/4", "答案为 3/4", 1),
        ("8", "因此，最终结果是8", 1),
        ("7", "정답은 7입니다", 1),
        ("12", "答えは 12 です。", 1),
        ("15", "Ответ: 15", 1),
        ("5", "La respuesta es 5.", 1),
        ("42", "答案：４２", 1),
        ("-3", "The answer is −3", 1),
        ("x^2+1", r"\boxed{x²+1}", 1),
        (r"\frac{\sqrt{2}}{2}", "The answer is √2/2.", 1),
        ("0.5", "The answer is ½", 1),
        ("5", "The area is 5π", 0),
        (r"5\pi", "The area is 5π", 1),
    ],
    "small numbers": [
        (r"$\frac{1}{2^{99}}$", r"\boxed{\frac{1}{2^{98}}}", 0),
        (r"\frac{1}{2^{50}}", r"\boxed{2^{-50}}", 1),
        ("1e-10", r"\boxed{2e-10}", 0),
        (r"\frac{1}{10^{8}}", r"\boxed{0}", 0),
        ("0.00000012", r"\boxed{0.00000013}", 0),
        ("e^{-20}", r"\boxed{e^{-21}}", 0),
        ("1/3", r"\boxed{0.333333}", 1),
        ("1/3", r"\boxed{0.33}", 0),
    ],
    "mixed numbers": [
        ("8/3", "2 2/3", 1),
        ("2", "So she needs 2 2/3 cups.", 0),
        ("3/2", "It takes 1 1/2 hours.", 1),
        ("1", "It takes 1 1/2 hours.", 0),
        ("15/4", r"\boxed{3\frac{3}{4}}", 1),
        ("-3/2", "-1 1/2", 1),
    ],
    "letters of choices": [
        ("B", r"The answer is \boxed{B}", 1),
        (r"\boxed{B}", "The answer is B", 1),
        (r"\text{(C)}", r"\boxed{C}", 1),
        ("C", "The correct option is (C).", 1),
        ("C", "C. 25", 1),
        ("C", "The answer is A, B or C", 0),
        ("A", "The answer is a dog", 0),
        (r"\boxed{ABD}", r"\boxed{BAD}", 0),
        ("ACD", r"\boxed{A, C, D}", 1),
    ],
    "spaces and units": [
        ("12", r"\boxed{12~\mathrm{km/h}}", 1),
        ("1250", r"\boxed{1\,250}", 1),
        ("1250", r"\boxed{1\ 250}", 1),
        ("1250", r"\boxed{\$1{,}250.00}", 1),
        ("5", r"\boxed{5\text{ cm}^2}", 1),
        (r"12 \text{ km}", r"\boxed{12\text{ m}}", 0),
        ("5 meters", "5 feet", 0),
        (r"6 \text{ inches}", r"\boxed{6\text{ in}}", 1),
        (r"45^\circ", r"\boxed{45}", 1),
        ("5", r"\boxed{5t}", 0),
    ],
    "ellipses": [
        (r"$1, 2, \ldots, n$", r"\boxed{1, 3, 5, \ldots, 2n-1}", 0),
        (r"1, 2, 3, \dots", r"\boxed{1,2,3,\ldots}", 1),
    ],
    "ASCII notation": [
        (r"$2\pi$", r"\boxed{2*pi}", 1),
        (r"\frac{\sqrt{3}}{2}", r"\boxed{sqrt(3)/2}", 1),
        ("x^2+1", r"\boxed{x**2+1}", 1),
        (r"\sqrt[3]{2}", r"\boxed{2^(1/3)}", 1),
        (r"\frac{1+\sqrt{5}}{2}", r"\boxed{(1+sqrt(5))/2}", 1),
        (r"\infty", r"\boxed{inf}", 1),
        ("5000", r"\boxed{5*10^3}", 1),
    ],
    "LaTeX that is read in part": [
        (r"$1 - \frac{1}{\mathrm{e}}$", r"$1 + \frac{1}{\mathrm{e}}$", 0),
        (r"2+\frac{3}{\mathrm{e}^2}", r"\boxed{2+3e^{-2}}", 1),
        (r"1+2\mathrm{i}", r"\boxed{1-2i}", 0),
        ("4210_5", r"\boxed{4210_{5}}", 1),
        ("4210_5", r"\boxed{4210_6}", 0),
    ],
    "percentages are hundredths": [
        (r"$10\%$", r"\boxed{0.1}", 1),
        ("10%", "0.1", 1),
        (r"25\%", "25 percent", 1),
        (r"25\%", r"\boxed{\frac14}", 1),
        (r"\frac{100}{3}\%", r"\boxed{33\frac{1}{3}\%}", 1),
        ("10%", "10", 0),
        ("25", r"\boxed{25\%}", 0),
    ],
    "negated, hedged and corrected answers": [
        ("42", "The answer is definitely not 42.", 0),
        ("42", "The answer isn't 42", 0),
        ("42", "42 is not the answer", 0),
        ("42", "I don't think it's 42.", 0),
        ("42", "The answer is 42 or 43.", 0),
        ("42", "It could be 42, or perhaps 24.", 0),
        ("42", r"\boxed{42 \text{ or } 43}", 0),
        ("42", r"\boxed{\text{not } 42}", 0),
        ("42", "The answer is not 41 but 42.", 1),
        ("43", "The answer is 42. Wait, that's wrong, it should be 43.", 1),
        ("42", "The answer is 42. Wait, that's wrong, it should be 43.", 0),
    ],
    "lists, intervals, sets and relations": [
        ("1,2,3", r"\boxed{3,2,1}", 1),
        ("(1,2,3)", r"\boxed{(3,2,1)}", 0),
        (r"\{1,2\}", r"\boxed{\{2,1\}}", 1),
        ("[1,2)", r"\boxed{[1,2]}", 0),
        (r"x \in [-2,7]", r"\boxed{[-2,7]}", 1),
        (r"(-\infty, 2)\cup(3, \infty)", r"\boxed{(3,\infty)\cup(-\infty,2)}", 1),
        (r"1 \pm \sqrt{2}", r"\boxed{1+\sqrt2, 1-\sqrt2}", 1),
        ("x=1,y=2", r"\boxed{y=2,x=1}", 1),
        ("y=2x+1", r"\boxed{2x+1}", 1),
        ("x^2+y^2=1", r"\boxed{y^2+x^2=1}", 1),
        ("x>5", r"\boxed{5<x}", 1),
        ("x>5", r"\boxed{x\ge5}", 0),
        (
            r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
            r"\boxed{\begin{bmatrix}1&2\\3&4\end{bmatrix}}",
            1,
        ),
        (
            r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
            r"\boxed{\begin{pmatrix}1&2\\3&5\end{pmatrix}}",
            0,
        ),
    ],
    "equations and the values they give": [
        ("2^{2007}", r"\boxed{5}", 0),
        ("2^{2007}", r"\boxed{2\cdot 2^{2006}}", 1),
        ("0", r"\boxed{x^2-3x+2=0}", 0),
        ("25", r"\boxed{5x=25}", 0),
        ("2", r"\boxed{x^2=2}", 0),
        ("3", r"\boxed{2x=3}", 0),
        ("3", r"\boxed{-x=3}", 0),
        ("3", r"\boxed{\frac1x=3}", 0),
        ("3", r"\boxed{\log x=3}", 0),
        ("5", r"\boxed{m+n=5}", 1),
        ("30", r"\boxed{\angle ABC=30^\circ}", 1),
        (r"\frac35", r"\boxed{\sin A=\frac{3}{5}}", 1),
        ("5", r"\boxed{f(2)=5}", 1),
        ("5", r"\boxed{|AB|=5}", 1),
        ("5", r"\boxed{AB=5}", 1),
        ("5", r"\boxed{2+3=5}", 1),
        ("5", r"\boxed{5=x}", 1),
        ("5", r"\boxed{x=2+3=5}", 1),
    ],
    "doubts, negations and corrections": [
        ("7", "I don't think the answer is 7.", 0),
        ("7", "It is false that the answer is 7.", 0),
        ("7", "I doubt the answer is 7.", 0),
        ("7", "The wrong answer is 7.", 0),
        ("7", "An incorrect answer is 7.", 0),
        ("7", "One might think the answer is 7, but that's a mistake.", 0),
        ("8", "Many would say the answer is 7; in truth it is 8.", 1),
        ("7", "Many would say the answer is 7; in truth it is 8.", 0),
        ("7", "The answer is unlikely to be 7.", 0),
        ("7", "The answer is no longer 7.", 0),
        ("7", "The answer ≠ 7", 0),
        ("7", "The answer is more than 7.", 0),
        ("7", "The answer is at least 7.", 0),
        ("7", "The answer is 7 to 9.", 0),
        ("7", "The answer is 7 (or 8)", 0),
        ("7", "If the answer is 7 then pigs fly.", 0),
        ("7", "The answer is 7. No, 8.", 0),
        ("8", "The answer is 7. No, 8.", 1),
        ("7", "The answer is 7. Sorry, I meant 8.", 0),
        ("8", "The answer is 7. Sorry, 8.", 1),
        ("7", "The answer is 7. Hmm, let me recompute: 3+5 = 8.", 0),
        ("7", "The answer is 7? No.", 0),
        ("7", r"\boxed{7}. Sorry, I meant 8.", 0),
        ("7", r"\boxed{7}. But that's wrong.", 0),
        ("7", r"\boxed{7} is wrong.", 0),
        ("7", r"The answer is not \boxed{7}.", 0),
        ("7", r"\boxed{7}. Let me check: 2*7 = 14.", 1),
        ("7", "The answer is 7. Let me verify: 2*7 = 14.", 1),
        ("7", "7 is wrong.", 0),
        ("7", "7 is incorrect", 0),
        ("7", "Die Antwort ist nicht 7.", 0),
        ("7", "La réponse n'est pas 7.", 0),
        ("7", "La respuesta no es 7.", 0),
        ("7", "Ответ: не 7", 0),
        ("7", "答えは7ではない。", 0),
        ("7", "답은 7이 아닙니다.", 0),
        ("7", "Die Antwort ist 7 oder 8.", 0),
        ("7", "La respuesta es 7 o 8", 0),
    ],
    "multipliers, units and currencies": [
        ("5", r"\boxed{5\text{ million}}", 0),
        ("5000000", r"\boxed{5\text{ million}}", 1),
        ("5", r"\boxed{5\text{ dozen}}", 0),
        ("5", r"\boxed{5\text{ squared}}", 0),
        ("5", r"\boxed{5\text{ halves}}", 0),
        ("5", r"\boxed{5 \text{ at least}}", 0),
        (r"\$36", r"\boxed{36\text{ cents}}", 0),
        (r"\$36", r"\boxed{36\text{ dollars}}", 1),
        (r"\$36", r"\boxed{36}", 1),
    ],
    "ratios and times": [
        ("3:15", r"\boxed{\frac15}", 0),
        ("3:15", r"\boxed{3:15}", 1),
        ("1:2:3", r"\boxed{1:3:2}", 0),
        ("1:2:3", r"\boxed{2:4:6}", 1),
        ("3:4", r"\boxed{6:8}", 1),
        ("3:4", r"\boxed{4:3}", 0),
        ("3:4", r"\boxed{\frac{3}{4}}", 1),
    ],
    "multisets, names and degrees": [
        ("1, 1, 2", r"\boxed{1,2}", 0),
        ("2, 3, 5", r"\boxed{2,2,3,5}", 0),
        (r"\emptyset", r"\boxed{\{\emptyset\}}", 0),
        ("2x", r"\boxed{2X}", 0),
        ("6a^2b", r"\boxed{6A^2B}", 0),
        (r"\tan 20^\circ", r"\boxed{\tan 20}", 0),
        (r"\tan 20^\circ", r"\boxed{\tan(20^{\circ})}", 1),
        (r"\frac12", r"\boxed{\cos 60^\circ}", 1),
    ],
    "other notations": [
        ("18", "She makes $18 per day (9 eggs at $2 each).", 1),
        ("3/4", "The probability is 3/4 (or 75%).", 1),
        ("5", "Therefore, x = 5. (x = -3 is extraneous.)", 1),
        ("24", "The area is 24 cm^2.", 1),
        ("24", "The area is 24 $cm^2$.", 1),
        ("18", r"We get $2x = 36$, so $x = 18$. $\blacksquare$", 1),
        ("1.414", r"\boxed{\sqrt{2} \approx 1.414}", 1),
        (r"\sqrt{2}", r"\boxed{\sqrt{2} \approx 1.414}", 1),
        ("2A_{16}", r"\boxed{2\text{A}_{16}}", 1),
        ("1011_2", r"\boxed{(1011)_2}", 1),
        ("1011_2", r"\boxed{1011_{\text{two}}}", 1),
        (r"\frac{1}{2}+\frac{\sqrt{3}}{2}i", r"\boxed{e^{i\pi/3}}", 1),
        (r"\frac{1}{2}+\frac{\sqrt{3}}{2}i", r"\boxed{\cos 60^\circ + i\sin 60^\circ}", 1),
        (r"\frac{1}{2}-\frac{\sqrt{3}}{2}i", r"\boxed{e^{i\pi/3}}", 0),
        (r"\binom{20}{10}", r"\boxed{{20 \choose 10}}", 1),
        (r"\ln 2", r"\boxed{\log_e 2}", 1),
        ("1,000,000", r"\boxed{1 000 000}", 1),
        (r"\mathbb{R}", r"\boxed{\mathbb R}", 1),
        (r"1 \le x < 3", r"\boxed{3 > x \ge 1}", 1),
        (r"\begin{pmatrix} 1\\-2\\3\end{pmatrix}", r"\boxed{(1,-2,3)}", 1),
        (r"\begin{pmatrix} 1\\-2\\3\end{pmatrix}", r"\boxed{\langle 1,-2,3\rangle}", 1),
        (r"\begin{pmatrix} 1\\-2\\3\end{pmatrix}", r"\boxed{(1,2,3)}", 0),
        (r"(2,\infty)", r"\boxed{]2,\infty[}", 1),
        (r"0.\overline{3}", r"\boxed{0.333...}", 1),
        ("1/3", r"\boxed{0.\overline{3}}", 1),
    ],
    "choices and words": [
        ("B", "Option B is wrong.", 0),
        ("A", "The answer is B. Wait, actually it's A.", 1),
        ("B", "The answer is B. Wait, actually it's A.", 0),
        ("B", r"\boxed{\text{Option B}}", 1),
        ("B", "故选B", 1),
        ("B", "故选：B.", 1),
        ("B", "選択肢は。正解はBです。", 1),
        ("B", "La réponse est B.", 1),
        (r"\textbf{(B)}\ 25", r"\boxed{B}", 1),
        (r"\textbf{(B)}\ 25", r"\boxed{25}", 1),
        (r"\textbf{(B)}\ 25", r"\boxed{C}", 0),
        ("B) 25", r"\boxed{B}", 1),
        (r"\text{Yes}", "Yes, it converges.", 1),
        (r"\text{Yes}", "**Yes**", 1),
        ("No", "No, it does not.", 1),
        ("2", "The answer is two.", 1),
        ("7", "What is 3+4?", 0),
        ("(1,3)", r"\boxed{(3,1)}", 0),
        ("x^2-1", r"\boxed{(x-1)(x+1)}", 1),
        ("C", "Thus the correct choice is C", 1),
        ("4", "The final answer is 4.\n\nLet me know if you have questions!", 1),
    ],
    "places of an answer": [
        ("7", "<think>maybe \\boxed{5}? no</think>\nThe answer is 7.", 1),
        ("5", "<think>maybe \\boxed{5}? no</think>\nThe answer is 7.", 0),
        ("18", "<think>It is 18. Let me check", 0),
        ("6", "<answer>6</answer>", 1),
        ("5", "**Final Answer**\n\n5", 1),
        ("5", "The final answer is: $\\boxed{5}$. I hope it is correct.", 1),
        ("5", "\\begin{align*}\nx &= 2+3\\\\ &= 5\n\\end{align*}", 1),
        ("18", "Tom has 3 apples and 18 oranges.", 1),
        ("14", "So the total is 5 + 9 = 14 dollars.", 1),
        ("3", "The answer is 13.", 0),
        ("7", "What is 6 times 7?", 0),
        ("0", "", 0),
    ],
}
CASES = [(kind, *case) for kind, cases in KINDS.items() for case in cases]


@pytest.mark.parametrize(("kind", "gold", "answer", "score"), CASES)
def test_each_kind_is_paid_as_it_should_be(scored, kind, gold, answer, score):
    result = scored(NAME, answer, gold)
    assert result.failure is None, result.failure
    assert result.score == score, result.details[0].reason


@pytest.mark.parametrize(
    ("fields", "gold", "answer", "score"),
    [
        ({"percent_as_number": True}, r"10\%", "10", 1),
        ({"percent_as_number": True}, "10", r"\boxed{10\%}", 1),
        ({"percent_as_number": True}, "0.1", r"\boxed{10\%}", 1),
        ({"percent_as_number": True}, "10%", r"\boxed{1000}", 0),
        ({"allow_set_relation_comp": True}, "(1,2)", r"\boxed{1<x<2}", 1),
        ({}, "(1,2)", r"\boxed{1<x<2}", 0),
        ({}, "1<x<2", r"\boxed{(1,2)}", 1),
        ({"strict": False}, "x+1", r"\boxed{y+1}", 1),
        ({}, "x+1", r"\boxed{y+1}", 0),
        ({"strict": False}, "[1,2]", r"\boxed{(1,2)}", 1),
        ({"float_rounding": 2}, "3.14159", r"\boxed{3.14}", 1),
        ({}, "3.14159", r"\boxed{3.14}", 0),
        ({"read": "last_box"}, "3", r"\boxed{3}, and 4", 1),
        ({"read": "tag:answer"}, "3", r"<answer>3</answer> \boxed{4}", 1),
        ({"read": "last_number"}, "3", "one, 2 or 3", 1),
        ({"thought_opened": True}, "3", "It is 3", 0),
        ({"thought_opened": True}, "3", "Hm.</think> It is 3", 1),
    ],
)
def test_fields_change_what_is_equal(scored, fields, gold, answer, score):
    assert scored(NAME, answer, gold, **fields).score == score


BOMBS = {
    "a power tower": "10^{10^{10}}",
    "a taller one": "9^{9^{9^{9}}}",
    "a factorial": "99999999!",
    "a sum": r"\sum_{k=1}^{10^{12}} k",
    "a product": r"\prod_{k=1}^{100000} k",
    "a binomial": r"\binom{10^9}{5\cdot 10^8}",
    "a power of a sum": "(x+y+z+1)^{400}",
    "a set": ",".join(map(str, range(2000))),
    "brackets": "(" * 3000 + "1" + ")" * 3000,
    "fractions": r"\frac{1}{1+" * 300 + "1" + "}" * 300,
    "a long sum": "x+" * 5000 + "1",
    "digits": "9" * 100_000,
    "an exponent": "1e999999999",
}


@pytest.mark.parametrize("gold", ["7", "x^2+1", r"\sqrt{2}"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_an_answer_that_explodes_is_a_score_at_once(scored, bomb, gold):
    scored(NAME, r"\boxed{\sqrt{3}}", r"\sqrt{2}")  # a worker is there
    began = time.monotonic()
    result = scored(NAME, rf"\boxed{{{BOMBS[bomb]}}}", gold)
    assert result.score == 0.0
    assert time.monotonic() - began < 2


def test_the_score_of_an_answer_that_explodes_is_a_field(scored):
    result = scored(NAME, r"\boxed{10^{10^{10}}}", "7", on_unreadable=-0.5)
    assert (result.score, result.extra_data["unreadable"]) == (-0.5, True)


@pytest.mark.parametrize("gold", ["", "  ", r"\boxed{}", "$$", r"\frac{1}{", r"10^{10^{10}}+x", None, True, []])
def test_a_gold_that_cannot_be_read_is_a_failure(scored, gold):
    result = scored(NAME, r"\boxed{7x}", gold)
    assert result.failure is not None
    assert result.failure.kind is FailureKind.BAD_INPUT
