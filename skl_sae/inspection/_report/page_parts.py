"""What every page has: its style, its controls, and the script that sorts and filters."""

STYLE = """
:root{color-scheme:light dark;--ink:#1d2330;--soft:#5c6575;--line:#dfe3ea;--card:#fff;--page:#f4f6f9;--adds:#c0392b;
--takes:#2c6fbb;--bar:#8793a5}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa4b5;--line:#343b48;--card:#1c212b;--page:#12161d;
--adds:#e0695d;--takes:#6aa5e3;--bar:#6d7889}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
header,main{max-width:84rem;margin:auto;padding:1rem}
h1{font-size:1.5rem;margin:.4rem 0}
header p,.line,figcaption,footer,.top{color:var(--soft)}
header p{margin:.2rem 0;max-width:60rem}
.controls{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;
background:var(--page);padding:.6rem 1rem;border-bottom:1px solid var(--line);max-width:84rem;margin:auto}
.controls input[type=search]{flex:1 1 12rem;min-width:0}
.controls input,.controls select{font:inherit;padding:.35rem .5rem;border:1px solid var(--line);border-radius:.4rem;
background:var(--card);color:var(--ink)}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr));gap:1rem;align-items:start}
article{background:var(--card);border:1px solid var(--line);border-radius:.7rem;padding:.9rem 1rem;min-width:0;
scroll-margin-top:4rem;overflow-wrap:anywhere}
article:target{outline:2px solid var(--takes)}
article.dead{opacity:.65}
h2{font-size:1.05rem;margin:0;line-height:1.3}
h2 a,footer a{color:inherit}
h2 a{color:var(--soft);font-weight:400;text-decoration:none;margin-right:.3rem}
.line{margin:.15rem 0 .6rem;font-size:.86rem}
.images{display:grid;grid-template-columns:1fr 2.1fr 1fr;gap:.6rem;align-items:start}
.images figure{margin:0;min-width:0}
.images img{width:100%;height:auto;image-rendering:pixelated;border-radius:.25rem;display:block}
figcaption{font-size:.74rem;margin-top:.15rem}
ul{list-style:none;margin:0 0 .6rem;padding:0}
.bars li{display:grid;grid-template-columns:minmax(0,10rem) minmax(3rem,1fr) 5.4rem;gap:.6rem;font-size:.86rem;
align-items:center}
.bars li>span:first-child,.classes th{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.bars b{font-weight:500;text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.track{position:relative;height:.8rem}
.track i{position:absolute;top:0;bottom:0;border-radius:2px}
.adds{background:var(--adds)}.takes{background:var(--takes)}
.terms li{display:inline-block;margin:0 .35rem .35rem 0;padding:.05rem .5rem;border:1px solid var(--line);
border-radius:1rem}
.texts li{font-size:.84rem;padding:.3rem 0;border-top:1px solid var(--line)}
.side{display:flex;flex-wrap:wrap;gap:.6rem 1.2rem;align-items:end;margin-top:.6rem}
.side figure{flex:1 1 11rem;min-width:0}
table{border-collapse:collapse;font-size:.84rem;font-variant-numeric:tabular-nums}
th,td{text-align:right;font-weight:400;padding:.05rem .7rem .05rem 0;white-space:nowrap}
.classes th{max-width:9rem}
.classes th,.wide tbody th{text-align:left}
.classes .more{color:var(--adds)}.classes .less{color:var(--takes)}
thead{color:var(--soft);font-size:.9em}
.wide{overflow-x:auto}
.values{margin:0}.values svg{width:100%;height:2.6rem;display:block;border-bottom:1px solid var(--line)}
.values rect{fill:var(--bar)}.values figcaption{display:flex;justify-content:space-between;gap:.4rem;white-space:nowrap}
footer{font-size:.82rem;margin-top:.6rem;border-top:1px solid var(--line);padding-top:.5rem}
footer p{margin:.1rem 0}
details{margin-top:.4rem;font-size:.86rem}summary{cursor:pointer;color:var(--soft)}
pre{overflow-x:auto}
"""

SCRIPT = """
const main=document.querySelector('main'),cards=[...main.children],words=document.getElementById('words'),
order=document.getElementById('order'),active=document.getElementById('active'),shown=document.getElementById('shown');
function sort(){const key=order.value,sign=key==='unit'?1:-1;
cards.sort((a,b)=>sign*(a.dataset[key]-b.dataset[key])||a.dataset.unit-b.dataset.unit);main.append(...cards);}
function filter(){const wanted=words.value.toLowerCase().split(/\\s+/).filter(Boolean);let n=0;
for(const card of cards){const text=card.textContent.toLowerCase();
card.hidden=!wanted.every(word=>text.includes(word))||active.checked&&!(card.dataset.density>0);n+=!card.hidden;}
shown.textContent=n+' of '+cards.length+' units';}
order.addEventListener('change',sort);words.addEventListener('input',filter);active.addEventListener('change',filter);
window.addEventListener('hashchange',()=>{const card=document.querySelector(location.hash||'main');
if(card&&card.hidden){words.value='';active.checked=false;filter();card.scrollIntoView();}});
sort();filter();
"""

CONTROLS = """
<div class="controls"><input id="words" type="search" placeholder="Words in a card" aria-label="Words in a card">
<label>Sort by <select id="order"><option value="share">share of the explained variance</option>
<option value="density">density</option><option value="value">typical value</option>
<option value="redundancy">redundancy</option><option value="unit">index</option></select></label>
<label><input id="active" type="checkbox" checked> active units only</label><span id="shown"></span></div>
"""

# Nothing is fetched from anywhere, whatever the texts of the data say.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page(title, introduction, cards):
    """Return a whole page; all parts are markup."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><header><h1>{title}</h1>{introduction}</header>{CONTROLS}<main>{''.join(cards)}</main>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )
