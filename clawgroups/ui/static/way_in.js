// The forms of the sign-in and set-up pages: they send JSON, say what was wrong at its field, and go on when it worked.
const form = document.querySelector("form[data-post]");
const wrong = form.querySelector("[role=alert]");
const send = form.querySelector("[type=submit]");

/** Only addresses of this server: a link must not lead a person who has just signed in to somebody else's page. */
function onward() {
  const wanted = new URL(new URLSearchParams(location.search).get("next") ?? "/", location.origin);
  return wanted.origin === location.origin ? wanted.pathname + wanted.search + wanted.hash : "/";
}

function say(error) {
  for (const input of form.elements) input.removeAttribute?.("aria-invalid");
  const fields = new Map((error.fields ?? []).map((one) => [one.field, one]));
  const first = [...form.elements].find((input) => fields.has(input.name));
  first?.setAttribute("aria-invalid", "true");
  wrong.replaceChildren(Object.assign(document.createElement("b"), { textContent: error.sentence }), error.hint ?? "");
  (first ?? form.querySelector("input[type=password]"))?.focus();
}

function unequal() {
  const again = form.elements.again;
  return again && again.value !== form.elements.password.value;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (unequal()) return say({ sentence: "The two passwords are not the same.", fields: [{ field: "again" }] });
  const { again, ...body } = Object.fromEntries(new FormData(form));
  send.disabled = true;
  try {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(form.dataset.post, { method: "POST", headers, body: JSON.stringify(body) });
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) return location.replace(onward());
    say(said.error ?? { sentence: `The server answered with status ${answer.status}.` });
  } catch {
    say({ sentence: "The server does not answer.", hint: "Try again in a moment." });
  }
  send.disabled = false;
});
