//! What every page of the program is asked in the browser, and its budgets.

/// What makes the page wider than the screen, from the outside in; null when nothing does.
pub const SIDEWAYS: &str = "
    const most = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= most) return null;
    const wide = [...document.querySelectorAll('body *')].filter(one =>
        one.getBoundingClientRect().right > most + 1 && !one.closest('.scroll, .botnav, pre, svg'));
    return wide.map(one => one.outerHTML.slice(0, 60)).slice(-3)
        .concat(document.documentElement.scrollWidth)";

/// What is wider on a large screen than it is meant to be: the columns beside the main one, and lines of running text; null when
/// nothing is.
pub const WIDE: &str = "
    const found = [];
    const width = one => Math.round(one.getBoundingClientRect().width);
    const keeps = (css, most) => document.querySelectorAll(css).forEach(one => {
        if (width(one) !== most) found.push(`${css} is ${width(one)} wide, not ${most}`);
    });
    keeps('.rail', 216);
    keeps('.two:not(.even) > :nth-child(2)', 304);
    const measures = new Map();
    const measure = one => {
        const {fontFamily, fontSize, fontWeight, letterSpacing} = getComputedStyle(one);
        const font = [fontFamily, fontSize, fontWeight, letterSpacing].join();
        if (!measures.has(font)) {
            const probe = document.createElement('div');
            probe.style.position = 'absolute';
            probe.style.inlineSize = '68ch';
            one.append(probe);
            measures.set(font, probe.getBoundingClientRect().width);
            probe.remove();
        }
        return measures.get(font);
    };
    const runs = one => one.innerText.trim().length > 68 && !one.closest('table, pre, nav, svg')
        && !/flex|grid/.test(getComputedStyle(one).display);
    for (const one of document.querySelectorAll('main :is(p, dd, blockquote, figcaption, .msg)')) {
        if (!runs(one)) continue;
        const text = document.createRange();
        text.selectNodeContents(one);
        const lines = new Map();
        for (const {left, right, top, width} of text.getClientRects()) {
            if (!width) continue;
            const line = lines.get(Math.round(top)) || [left, right];
            lines.set(Math.round(top), [Math.min(line[0], left), Math.max(line[1], right)]);
        }
        const longest = Math.max(...[...lines.values()].map(([left, right]) => right - left));
        // A blank may hang at the end of a line that is kept as it was written.
        if (longest > measure(one) * 69 / 68) {
            found.push(`a line of ${Math.round(longest)} beyond ${Math.round(measure(one))}: ${one.outerHTML.slice(0, 70)}`);
        }
    }
    return found.length ? found.slice(0, 3) : null";

/// Most bytes of a page on the wire, compressed, and most elements in it.
pub const WEIGHT: usize = 15 * 1024;
pub const ELEMENTS: usize = 1_500;
/// Editors that are bigger: each row of theirs has its own selects and boxes. This list may only shrink.
pub const EDITORS: &[&str] = &[
    "/agreements/",
    "/calendars/",
    "a calendar's clocks that would move",
    "the days of a file",
];

/// What of the page is above its budget; null when nothing is.
pub const BIG: &str = "
    const [weight, elements] = arguments;
    const bytes = performance.getEntriesByType('navigation')[0].encodedBodySize;
    const count = document.querySelectorAll('*').length;
    return bytes > weight || count > elements || bytes === 0 ? `${bytes} bytes, ${count} elements` : null";

/// How the page looks, whatever it says: which elements stand in which.
pub const LOOK: &str = "
    const own = one => one.localName + '.' + (one.getAttribute('class') || '') + (one.getAttribute('role') || '');
    const paths = [...document.querySelectorAll('body *')].map(one =>
        [one, one.parentElement, one.parentElement?.parentElement].filter(it => it).map(own).join('<'));
    return [...new Set(paths)].sort().join('|')";

/// Runs axe on the page and says what it found, one line a finding.
pub const RUN: &str = "
    const done = arguments[arguments.length - 1];
    axe.run(document, {resultTypes: ['violations'], rules: {'target-size': {enabled: true}}}).then(result => done({
        dark: matchMedia('(prefers-color-scheme: dark)').matches,
        ink: getComputedStyle(document.body).color,
        passes: result.passes.length,
        findings: result.violations.flatMap(rule => rule.nodes.map(node =>
            `${rule.id} (${rule.impact}): ${node.html.slice(0, 120)} ${node.failureSummary.replaceAll('\\n', ' ')}`)),
    }), error => done({findings: [String(error)]}))";
