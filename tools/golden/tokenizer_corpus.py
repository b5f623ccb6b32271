"""Texts, conversations and templates for the tokenizer's golden files."""
import random
import unicodedata

TRAINING = [
    "The quick brown fox jumps over the lazy dog. The dog does not mind.",
    "Name: short description; section net, role program. It's the user's file, isn't it?",
    "def total(values):\n    return sum(v for v in values if v > 0)\n",
    "In 1999 there were 365 days and 12 months, 3.14159 is not 22/7.",
    "Der schnelle Fuchs springt über den faulen Hund; la niña comió piñas.",
    "A table a reservation for two people at eight, please. We'll be there at 20:30!!",
    "  indented    text\twith tabs\r\nand line breaks\n\n\nand more   spaces  ",
    "{\"section\": \"libs\", \"role\": \"shared-lib\", \"interface\": null}",
] * 4

SPELLED = [
    "",
    " ",
    "  ",
    "\n",
    "\r\n",
    "\r\n\r\n\t\t \u00a0\u2003x",
    "Hello world",
    " leading space",
    "   three leading spaces",
    "trailing spaces   ",
    "a  b   c    d     e",
    "tabs\t\tand\tmore",
    "line\nbreak\n\nparagraph\n\n\nmore",
    "windows\r\nline\r\n\r\nends",
    "12345678901234567890",
    "3.14159e-10 1,234,567.89 0x7fff 1/2",
    "call 555-0199 before 2024-02-29T23:59:60Z",
    "It's we'll I'd they've you're I'm don't IT'S WE'LL \u2019s",
    "snake_case camelCase PascalCase kebab-case SCREAMING_CASE",
    "for (int i = 0; i < n; ++i) { sum += x[i] * y[i]; } // done",
    "def f(x):\n    if x:\n        return x ** 2\n    return None\n",
    "<html><body class=\"a\">&amp;</body></html>",
    "{\"key\": [1, 2.5, null, true], \"text\": \"\\u00e9\\n\"}",
    "https://example.org/path?q=a%20b&c=d#frag user@example.org",
    "caf\u00e9 cafe\u0301 \u00fcber u\u0308ber \u00f1 n\u0303 \ufb01 \u212b",
    "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306 zalgo",
    "\u4e2d\u6587\u5206\u8bcd\u6d4b\u8bd5\u3002\u8fd9\u662f\u4e00\u4e2a\u53e5\u5b50\uff0c\u542b\u6709\u6570\u5b57123\u548c\u82f1\u6587word\u3002",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\u3002\u30ab\u30bf\u30ab\u30ca\u3068\u6f22\u5b57\u3068\u3072\u3089\u304c\u306a",
    "\ud55c\uad6d\uc5b4 \ubb38\uc7a5\uc785\ub2c8\ub2e4",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645 \u0661\u0662\u0663",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u0967\u0968\u0969",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0395\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac \u10e5\u10d0\u10e0\u10d7\u10e3\u10da\u10d8",
    "\U0001f600\U0001f680 \U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea",
    "\u2669\u266a \u2190\u2192 \u2211\u222b\u221e \u00bd\u00b2 \u2460 \u2167 \u216b \u3007",
    "\uff11\uff12\uff13\uff21\uff22\uff23 \u0661\u0662 \u0967 \u00b2\u00b3",
    "\u200b\u200c\u200d\ufeff\u2060 zero width",
    "\u0000\u0001\u001b[31mred\u001b[0m\u007f",
    "\u0085\u2028\u2029 line separators \u180e",
    "\u00ad soft\u00adhyphen \u00a0nbsp\u00a0",
    "\ue000\uf8ff private \U000f0000",
    "\U00010400\U00010428 \U0001e900\U0001e922 \U0002070e \U00030000",
    "\u2581 the mark \u2581\u2581 itself",
    "<0x41> spelled byte <0xFF>",
    "x" * 300,
    "ab" * 200,
    "9" * 100,
    " " * 70 + "deep",
    "\n" * 20,
    "!?" * 40 + "...." + "-" * 50,
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "text <|im_end|> in the middle<|im_start|>",
    "<|im_end|><|im_end|>",
    " <|im_start|> ",
    "<|im_start |> <|im_sta rt|> <|IM_END|> <|im_end|",
    "<|endoftext|> <repo_name> <file_sep> <tool>x</tool> <|bos|>",
    "\u00e9<|im_end|>\u00e9",
]


def texts():
    """The spelled-out texts and a seeded mixture over every Unicode category."""
    rng = random.Random(20240229)
    classes = {}
    for point in range(0x20, 0x30000):
        if 0xD800 <= point < 0xE000:
            continue
        category = unicodedata.category(chr(point))
        if category != "Cn":
            classes.setdefault(category, []).append(chr(point))
    mixed = []
    for category in sorted(classes):
        mixed.append("".join(rng.choice(classes[category]) for _ in range(12)))
    everything = [c for group in classes.values() for c in rng.sample(group, min(40, len(group)))]
    for _ in range(40):
        glue = rng.choice(["", " ", "  ", "1", "a", "\n", "'s "])
        mixed.append(glue.join(rng.choice(everything) for _ in range(rng.randint(2, 14))))
    return SPELLED + mixed


PRE_KINDS = ["default", "gpt-2", "phi-2", "jais", "mpt", "olmo", "smollm", "starcoder", "refact", "llama-bpe",
             "dbrx", "smaug-bpe", "qwen2", "gpt-4o"]

PRE_TEXTS = [
    "The quick brown fox, and the dog's 1999 days.",
    "It's we'll IT'S WE'LL they've I'M x's",
    "12345 67 8 1,234,567 in 1999there 3.14159",
    "  indented    text\twith tabs\r\nand line\n\n\nbreaks   ",
    "a+b<=c^d~e|f$g `code` {\"section\": null}",
    "\n\n  x\n \n\t y  \r\n z",
    "camelCase HTTPServer aB Ab AB \u00c4pfel",
    "end.\n\nNext! /path//to/ --flag",
    "caf\u00e9 \u00fcber ni\u00f1a \u4e2d\u6587 \u0661\u0662 \u00bd x",
    "",
    " ",
    "the the  the   the",
]

PIECE_TEXTS = [
    "",
    " ",
    "The quick brown fox, and the dog's days.",
    " leading space",
    "two  spaces   three    four",
    "line\n\nbreaks\n\n\nthree\n",
    "It's 1999, isn't it?",
    "caf\u00e9 \u4e2d\u6587 \U0001f600",
    "<s>inside</s> text <unk>",
    "trailing ",
    "\u2581 the mark",
    "tabs\tand\r\nreturns",
]

FOLDING = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- set first_user_prefix = messages[0]['content'] + '\\n\\n' -%}
    {%- set turns = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = '' -%}
    {%- set turns = messages -%}
{%- endif -%}
{%- for message in turns -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception('roles must alternate user/assistant/user/assistant') }}
    {%- endif -%}
    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
    {{ '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else '') }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] if item['type'] == 'text' %}{{ item['text'] | trim }}{% endfor -%}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<start_of_turn>model\\n' }}
{%- endif -%}
"""

FEATURES = """{# whitespace control, scopes and methods that chat templates lean on #}
{%- set ns = namespace(turns=0, seen='') %}
{% macro tag(name) -%}
[{{ name | upper }}]
{%- endmacro %}
{% for message in messages %}
    {% if message.role == 'system' %}
        {% continue %}
    {% endif %}
    {% set ns.turns = ns.turns + 1 %}
    {% set ns.seen = ns.seen ~ message.role[0] %}
{{ tag(message.role) }} {{ message['content'].strip().split('\\n')[0] | default('-', true) }}
    {% if message.role == 'assistant' %}
{% generation %}{{ message.content }}{{ eos_token }}{% endgeneration %}

    {% endif %}
    {% if ns.turns >= 3 %}{% break %}{% endif %}
{% endfor %}
{{ messages | tojson }}
{{ {'a': 1, 'text': '<&\\'"\\u00e9>', 'list': [1, 2.5, none, true], 'empty': {}, 'none': []} | tojson(indent=2) }}
{{ messages[::-1] | map(attribute='role') | join(',') }} {{ messages[1:] | length }} {{ messages[-1]['content'][:3] }}
{{ ns.seen }} {{ ns.turns }} {{ true }} {{ none }} {{ 7 // 2 }} {{ 7 % 4 }} {{ 1.5 }} {{ 'x' * 3 }} {{ undefined_name }}|
{{ tools is none }} {{ tools is defined }} {{ missing is defined }} {{ 'a' in 'cat' }} {{ messages is iterable }}
{{ messages[0].get('role', 'none') }} {{ messages[0].get('nope', 'none') }} {{ messages[0].items() | list | length }}
{{ 'Title Case'.lower() }} {{ 'a-b'.replace('-', '+') }} {{ ' x '.lstrip() }}| {{ 'abc'.startswith('ab') }} {{ 'a,b'.split(',')[-1] }}
{{ strftime_now('%%') }} {{ bos_token }} {{ add_generation_prompt }}
{%- if add_generation_prompt %}

go
{% endif %}
"""

TEMPLATES = [
    {"name": "folds_system", "source": FOLDING, "bos": "<bos>", "eos": "<eos>"},
    {"name": "features", "source": FEATURES, "bos": "<s>", "eos": "</s>"},
]


def _turns(*pairs):
    return [{"role": role, "content": content} for role, content in pairs]


CONVERSATIONS = [
    _turns(("user", "Hi")),
    _turns(("system", "Be brief."), ("user", "  What is 2+2?\n"), ("assistant", "4")),
    _turns(("user", "one"), ("assistant", "two\nlines"), ("user", "three"), ("assistant", "four")),
    _turns(("system", "You are <b>bold</b> & 'quoted' \"twice\"."), ("user", "\u4e2d\u6587 \U0001f600 caf\u00e9\t\u0001")),
    _turns(("assistant", "I start")),
    _turns(("user", "a"), ("user", "b")),
    _turns(("user", "text with {{ braces }} and {% tags %}"), ("assistant", "<|im_end|>")),
]
