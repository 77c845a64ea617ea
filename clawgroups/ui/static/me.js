// Who sits at this browser, what they may do, and what happens when they may be here no longer.
const told = JSON.parse(document.querySelector('meta[name="claw-person"]')?.content ?? "null");

export const me = told ?? { id: "you", name: "", role: "admin", open: true, roles: ["admin"], needs: {} };

/** Why this person may not do it ("TakeOver", "members", ...); empty when they may. The server checks it again. */
export function whyNot(what) {
  const least = me.needs[what];
  if (!least || me.roles.indexOf(me.role) >= me.roles.indexOf(least)) return "";
  const a = (role) => `${/^[aeiou]/.test(role) ? "an" : "a"} ${role}`;
  return `You are ${a(me.role)}; this needs ${a(least)}.`;
}

let leaving = false;

/** Looks whether this page is still the person's; where not, it is loaded anew, which leads to the sign-in page. */
export async function stillHere() {
  if (leaving) return;
  let answer;
  try {
    answer = await fetch("/api/v1/me", { cache: "no-store" });
  } catch {
    return; // the server is away; that is told elsewhere
  }
  const now = answer.ok ? await answer.json() : null;
  const same = now && now.id === me.id && now.role === me.role && now.sign_in === !me.open;
  if (leaving || same || (!now && answer.status !== 401)) return;
  leaving = true;
  location.reload();
}

/** Does what signs this browser out, and goes to the sign-in page. Throws what `act` throws, and stays then. */
export async function leave(act) {
  leaving = true;
  try {
    await act();
  } catch (error) {
    leaving = false;
    throw error;
  }
  location.assign("/sign-in");
}

// NiceGUI's socket is made after this module has run. When it is cut, the reason may be that one was signed out.
function follow(tries = 100) {
  const socket = window.socket;
  if (socket) {
    socket.on("disconnect", () => stillHere());
    socket.on("connect_error", () => stillHere());
  } else if (tries) setTimeout(() => follow(tries - 1), 100);
}

if (told) {
  follow();
  addEventListener("pageshow", (event) => event.persisted && stillHere());
}
