// Sends one file to a group, so that a message can carry it; and makes a small picture of an image.
import { ApiError } from "/claw/api.js";

export const LARGEST = 20 * 1024 * 1024; // bytes of a file
export const MOST = 10; // files of a message
const SIDE = 112; // px of a thumbnail
const DRAWN = /^image\/(png|jpeg|webp|gif)$/;

/** -> {id, name, media_type, size}, or throws ApiError. `progress` hears a share from 0 to 1; `signal` ends it. */
export function upload(groupId, file, progress, signal) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest(); // fetch tells nothing of how far it is
    sending.open("POST", `/api/v1/groups/${encodeURIComponent(groupId)}/attachments?name=${encodeURIComponent(file.name)}`);
    sending.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    sending.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    sending.onerror = () => reject(new ApiError(0, { code: "unreachable", sentence: "The server does not answer.", hint: "" }));
    sending.onload = () => {
      const body = read(sending.responseText);
      if (sending.status === 201 && body) resolve(body);
      else reject(new ApiError(sending.status, body?.error ?? { sentence: `The server refused (${sending.status}).` }));
    };
    signal.addEventListener("abort", () => sending.abort());
    sending.send(file);
  });
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What is wrong with a file before it is sent; empty when nothing is. */
export function wrongWith(file) {
  if (!file.size) return "It is empty, or a folder.";
  return file.size > LARGEST ? `It is larger than ${LARGEST / 1024 / 1024} MiB.` : "";
}

/** A small picture of an image as a data URL; empty where there is none. */
export async function thumbnail(file) {
  if (!DRAWN.test(file.type)) return "";
  try {
    const image = await createImageBitmap(file);
    const scale = Math.min(1, SIDE / Math.max(image.width, image.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(image.width * scale));
    canvas.height = Math.max(1, Math.round(image.height * scale));
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    image.close();
    return canvas.toDataURL("image/webp", 0.8);
  } catch {
    return ""; // not what its name says
  }
}
