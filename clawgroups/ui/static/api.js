// Talks to the REST API. Every failure is one shape: code, sentence, hint, status.
const ROOT = "/api/v1";

export class ApiError extends Error {
  constructor(status, body) {
    super(body.sentence);
    Object.assign(this, { hint: "", code: "error" }, body, { status });
  }
}

/** `api("POST", "/agents/x/pause", body?)` gives the answer's JSON, or throws ApiError. */
export async function api(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(ROOT + path, options);
  } catch {
    throw new ApiError(0, { code: "unreachable", sentence: "The server does not answer.", hint: "Try again in a moment." });
  }
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    throw new ApiError(response.status, { sentence: `The server answered with something that is not JSON (${response.status}).` });
  }
  if (!response.ok) throw new ApiError(response.status, answer?.error ?? { sentence: `The server refused (${response.status}).` });
  return answer;
}
