"""Texts for the parity tests: prose in many scripts, code, and what breaks tokenizers."""

import functools
import random

PROSE = [
    'All human beings are born free and equal in dignity and rights. They\'re endowed with reason, aren\'t they?',
    'Tous les êtres humains naissent libres et égaux en dignité et en droits. L\'été, c\'est où ?',
    'Alle Menschen sind frei und gleich an Würde und Rechten geboren. Straße, Größe, Übermut.',
    'Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv. Příliš žluťoučký kůň.',
    'Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.',
    'Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. İSTANBUL ıI iİ',
    'Все люди рождаются свободными и равными в своём достоинстве и правах. ЁЖ съел 3½ яблока.',
    'Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια. ΣΊΣΥΦΟΣ σίσυφος',
    'يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. ١٢٣٤٥ ٪',
    'כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. שָׁלוֹם',
    'सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। १२३',
    'সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে। ৪৫৬',
    'மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்.',
    'ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులును సమానులును నగుదురు.',
    'ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಜನಿಸಿದ್ದಾರೆ.',
    'മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടും അന്തസ്സോടും കൂടി ജനിച്ചവരാണ്.',
    'ਸਾਰਾ ਮਨੁੱਖੀ ਪਰਿਵਾਰ ਆਪਣੀ ਮਹਿਮਾ ਅਤੇ ਹੱਕਾਂ ਦੇ ਪੱਖੋਂ ਆਜ਼ਾਦ ਹੈ।',
    'પ્રતિષ્ઠા અને અધિકારોની દૃષ્ટિએ સર્વ માનવો જન્મથી સ્વતંત્ર અને સમાન હોય છે.',
    'සියලු මනුෂ්‍යයෝ නිදහස්ව උපත ලබා ඇත.',
    'มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ๑๒๓',
    'ມະນຸດທຸກຄົນເກີດມາມີສິດເສລີພາບ',
    'လူတိုင်းသည် တူညီ လွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် မွေးဖွားလာသူများ ဖြစ်သည်။',
    'មនុស្សទាំងអស់ កើតមកមានសេរីភាព និងសមភាព',
    'འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་ཆེ་མཐོངས་དང༌།',
    'የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብርና በመብትም እኩልነት ያለው ነው።',
    'ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით.',
    'Բոլոր մարդիկ ծնվում են ազատ ու հավասար՝ իրենց արժանապատվությամբ։',
    '人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。',
    '人人生而自由，在尊嚴和權利上一律平等。２０２４年，價格￥１２３。',
    'すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。ｶﾀｶﾅ',
    '모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. ㄱㄴㄷ 각',
    'Хүн бүр төрж мэндлэхэд эрх чөлөөтэй ᠬᠦᠮᠦᠨ ᠪᠦᠷ',
    'ᎠᏂᏴᏫ ᏂᎦᏓ ᎬᏂᎨ ꮳꮃꭹ ᐃᓄᐃᑦ ⴰⵎⴷⴰⵏ ߒߞߏ ܐܢܫܐ ދިވެހި',
    '𐌰𐌱 𝒜𝓃 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟘𝟙𝟚 𒀀𒀁 𓀀𓂀 𠀀𠮷 𞤀𞤣 𐓏𐓘 🄰🅰',
]

CODE = [
    'def f(x: int = 0x1F) -> str:\n\treturn f"{x!r:>10}"  # comment\n\n\nclass A(B):\n    pass\n',
    '#include <stdio.h>\r\nint main(void)\r\n{\r\n    printf("%d\\n", 1e-10 * 3.14159);\r\n}\r\n',
    'SELECT * FROM "t" WHERE a <> \'b\'\'s\' AND c IN (1,2,3) -- done;;;\n',
    '<div class="a b" onclick=\'x()\'>&nbsp;&lt;p&gt;</div><!-- no --><br/>\n',
    'let re = /^[^\\s@]+@[^\\s@]+\\.[^\\s@]+$/gi; const o = {...a, [b]: c ?? d?.e};',
    'fn main() { let v: Vec<&\'static str> = vec!["a"; 10]; println!("{v:?}"); }',
    '{"a": [1, 2.5e+10, null, true], "b\\u00e9": {"c": "d\\n"}}\n',
    '$ curl -sS https://user:pw@example.org:8080/a/b/c?x=1&y=%20#frag | jq -r \'.[]\' >/dev/null 2>&1\n',
    '| a | b |\n|---|:-:|\n| 1 | 2 |\n\n- [ ] todo\n  * **bold** _it_ `code`\n\n```c\nx;\n```\n',
    'I\'M we\'LL you\'Re it\'S \'tis \'SSS 'r'd\'ve can\'\'t o\'clock '"'ſ 'K '’s don’t",
]

ODD = [
    '', ' ', '  ', '\n', '\r\n', '\t', '   \n   \n', 'a ', ' a', ' a ', 'a  b', 'a\n\nb', 'a \n b', 'a\r\n\r\nb',
    '\u00a0', 'a\u00a0b', '\u2003x\u2003', '\u3000全角\u3000', '\u0085x', '\u180ex', '\u200bx\u200b', '\ufeffBOM',
    'e\u0301 é e\u0301\u0302\u0323 \u0301', 'q\u0307\u0323 q\u0323\u0307', '\u1100\u1161\u11a8 각', 'Å Å Å ﬁ ① ㈱ ½ ²',
    '\u0958 क़ \u0344 \u0f73 \u2126', '\u11935\u11930 \U00011938 \u32ff \ua7f2', 'İ i̇ ß ẞ ΐ ŉ ǰ', 'ﷺ ﷽ ㍿ 🈁',
    '👨‍👩‍👧‍👦 👩🏽‍🚀 🏳️‍🌈 🇩🇪🇫🇷 ☺️ 1️⃣ ❤️‍🔥', '👍🏻👍🏿', '©\u200d ®\ufe0f ™', '\u0600\u0661 \u06dda',
    '\x00', 'a\x00b', '\x01\x02\x7f\x80\x9f', '\ufffd', '\ufffe\uffff', '\U0010ffff\U000f0000\ue000',
    '0', '12', '123', '1234', '12345678901234567890', '3.14', '1,000,000', '１２３４', '٣٤٥٦', 'Ⅷⅷ ½¾ ²³ ①②', '1a2b3c',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    ' ' * 200, '\n' * 100, '\t' * 77, '-' * 300, '=' * 64 + '\n', '.' * 1000, '!?' * 50, ' \n' * 40, '▁▁▁ ▁a ▁', '▁' * 70,
    '<0x0A><0xE2>', '##a ##', '[UNK] [CLS] [SEP] [MASK] [PAD]', '<s></s><unk><pad>', '<s> </s> <unk>', '<mask> a<mask>b',
    'Ġthe Ċ ĠĠ âĢĻ', 'ABCdef ABC中DEF aBc ÀÉ àé ǅabc ʰa', 'a.b,c;d:e!f?g', '(a)[b]{c}<d>', '日本語のテキストAndEnglish混在',
    'مرحبا hello שלום 12', 'x' * 101, 'supercalifragilisticexpialidocious' * 5, '中' * 300, 'é' * 200, '😀' * 100,
    'https://example.org/' + 'path/' * 40, 'a' + '\u0301' * 100, ' ' + 'a ' * 100,
]

SPECIALS = [
    '<|endoftext|>', '<|im_start|>user\nhi<|im_end|>\n', '<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n',
    ' <|eot_id|> x', '<|im_start|> <|im_end|>a', '<think>\nhmm</think>', '<｜begin▁of▁sentence｜>x<｜User｜>', '<start_of_turn>model\n',
    '[INST] hi [/INST]', '<|start|>assistant<|channel|>final<|message|>', '<bos><eos><pad>', 'a<s>b</s>c', '<|endoftext|', '<|endoftext|>>',
    '<tool_call>{"name": "f"}</tool_call>', '<extra_id_0> x <extra_id_99>', '  <mask>  ', '<EOT>', '\n\nHuman: hi\n\nAssistant:',
]

INVALID = [
    b'\xff', b'a\xffb', b'\xc3', b'\xc3(', b'\xe2\x82', b'\xe2\x82 x', b'\xf0\x9f\x98', b'\xf0\x9f\x98a', b'\xed\xa0\x80', b'\xc0\xaf',
    b'\xf4\x90\x80\x80', b'\x80\x80\x80', b'\xe0\x80\xaf', b'caf\xe9 ol\xe9', b'\xff\xfe\x00', b'\xf0\x80\x80\x80 ok \xe1\x80', b'\xc3\xa9\xc3',
]


@functools.lru_cache(maxsize=None)
def long_lines():
    """One megabyte each, without an end of line."""
    rng = random.Random(5)
    words = ' '.join(PROSE[:8]).split()
    return [
        ' '.join(rng.choice(words) for _ in range(170000))[:1000000],
        'x' * 1000000,
        ''.join(rng.choice('abcdefghijklmnopqrstuvwxyz') for _ in range(1000000)),
    ]


def everything():
    return PROSE + CODE + ODD + SPECIALS + ['\n'.join(PROSE), ''.join(CODE), ' '.join(SPECIALS)]


POOLS = [
    lambda r: chr(r.randrange(32, 127)),
    lambda r: r.choice('abcdefghijklmnopqrstuvwxyz'),
    lambda r: r.choice('ABCDEFGHIJKLMNOPQRSTUVWXYZ'),
    lambda r: r.choice('0123456789'),
    lambda r: r.choice(' \n\r\t\u00a0\u2003\u3000\u0085\u2028 \n  '),
    lambda r: r.choice("'’\"-_.,;:!?/()[]{}<>|\\@#$%^&*+=~`"),
    lambda r: r.choice(("'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "n't", " '", "' ", " ' ")),
    lambda r: chr(r.randrange(0x80, 0x250)),
    lambda r: chr(r.randrange(0x300, 0x370)),
    lambda r: chr(r.randrange(0x370, 0x600)),
    lambda r: chr(r.randrange(0x600, 0x1200)),
    lambda r: chr(r.randrange(0x1100, 0x2000)),
    lambda r: chr(r.randrange(0x2000, 0x3000)),
    lambda r: chr(r.randrange(0x3000, 0x3400)),
    lambda r: chr(r.randrange(0x4e00, 0xa000)),
    lambda r: chr(r.randrange(0xac00, 0xd7a4)),
    lambda r: chr(r.randrange(0xe000, 0x10000)),
    lambda r: chr(r.randrange(0x10000, 0x20000)),
    lambda r: chr(r.randrange(0x20000, 0x110000)),
    lambda r: chr(r.randrange(0x1f300, 0x1fb00)) + r.choice(('', '\u200d', '\ufe0f', '\U0001f3fd')),
    lambda r: r.choice(('the', ' the', 'ing', ' and', 'tion', '▁', '▁the', 'ABC', 'Hello', ' World', 'don', 'http://', 'é', 'ß', 'ﬁ')),
]


def random_text(rng, extra=()):
    """A few characters of a few kinds, with runs."""
    pools = rng.sample(POOLS, rng.randrange(1, 6))
    out = []
    for _ in range(rng.randrange(1, 24)):
        if extra and rng.random() < 0.04:
            out.append(rng.choice(extra))
        piece = rng.choice(pools)(rng)
        out.append(piece * (1 if rng.random() < 0.9 else rng.randrange(2, 9)))
    return ''.join(out)
