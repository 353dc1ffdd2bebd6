// Keeps the page as it would be if it were loaded again: when an event concerns one of its parts, the page is fetched and the part put in.
'use strict';
(() => {
  const parts = () => [...document.querySelectorAll('[data-part]')];
  let due = false, running = false;

  async function refresh() {
    if (running) { due = true; return; }
    running = true;
    do {
      due = false;
      try {
        const answer = await fetch(location.href, { credentials: 'same-origin' });
        const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
        for (const part of parts()) {
          const now = fresh.getElementById(part.id);
          if (!now || part.innerHTML === now.innerHTML) continue;
          // Nobody's typing is taken away.
          const focused = document.activeElement;
          if (part.contains(focused) && focused.matches('input, select, textarea')) continue;
          const open = [...part.querySelectorAll('details')].map((d) => d.open);
          part.replaceChildren(...now.childNodes);
          [...part.querySelectorAll('details')].forEach((d, i) => { if (open[i] !== undefined) d.open = open[i]; });
        }
      } catch (_) { /* the next event tries again */ }
      await new Promise((done) => setTimeout(done, 300));
    } while (due);
    running = false;
  }

  function concerns(name, data) {
    return parts().some((part) => {
      const [kind, which] = part.dataset.live.split(/:(.*)/);
      if (kind !== name) return false;
      return !which || which === data.job || which === data.place;
    });
  }

  if (parts().length && window.EventSource) {
    const events = new EventSource('/api/events');
    for (const name of ['sticks', 'job', 'signal']) {
      events.addEventListener(name, (event) => { if (concerns(name, JSON.parse(event.data))) refresh(); });
    }
    events.addEventListener('lost', refresh);
    // What happened between the page and the stream.
    events.addEventListener('open', refresh);
    addEventListener('pagehide', () => events.close());
  }

  // A form is sent once.
  addEventListener('submit', (event) => {
    const button = event.submitter;
    if (button && event.target.method === 'post') setTimeout(() => { button.disabled = true; }, 0);
  });
  addEventListener('pageshow', () => document.querySelectorAll('button:disabled').forEach((b) => { b.disabled = false; }));
})();
