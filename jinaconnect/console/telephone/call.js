// A call that came to the telephone: answered or declined, heard and spoken through the browser's WebRTC, ended by either side.
import { address, caller, header, token } from "./message.js";

const GATHER_MS = 500; // for the addresses of this browser; those of the host are found at once

export class Call {
  #line;
  #invitation; // the request that is not answered yet, later null
  #tag = token();
  #sequence = 0;
  #theirs = 0; // the number of their last request
  #media = null;
  #microphone = null;
  #finish;

  constructor(line, invitation) {
    this.#line = line;
    this.#invitation = this.first = invitation;
    this.#theirs = sequenceOf(invitation);
    this.target = address(header(invitation, "contact"));
    this.caller = caller(invitation);
    this.over = new Promise((finish) => (this.#finish = finish)); // it has ended, whoever ended it
    this.audio = new Promise((heard) => (this.heard = heard)); // what the other side is heard with
    line.answer(invitation, 180, { tag: this.#tag, headers: this.#contact });
  }

  get #contact() {
    return [["Contact", this.#line.contact]];
  }

  /** Tell whether a request belongs to this call. */
  owns(request) {
    return header(request, "call-id") === header(this.first, "call-id");
  }

  /** Begin to talk; fails where the browser gives no microphone. */
  async answer() {
    const invitation = this.#invitation;
    if (!invitation || this.#microphone) return; // it is over, or being answered
    const microphone = (this.#microphone = await navigator.mediaDevices.getUserMedia({ audio: true }));
    if (!this.#invitation) return this.#quiet(); // the caller gave up meanwhile
    const media = (this.#media = new RTCPeerConnection({ iceServers: [] }));
    media.ontrack = ({ track, streams }) => this.heard(streams[0] ?? new MediaStream([track]));
    for (const track of microphone.getTracks()) media.addTrack(track, microphone);
    const body = await this.#agreed(invitation.body);
    if (!this.#invitation) return this.#quiet();
    this.#invitation = null;
    this.#line.answer(invitation, 200, { tag: this.#tag, headers: [...this.#contact, ["Content-Type", "application/sdp"]], body });
  }

  /** Not take it. */
  decline() {
    this.#refuse(480);
  }

  /** End it. */
  async hangUp() {
    if (this.#invitation) return this.decline();
    if (!this.#media) return;
    const { first } = this;
    const tagged = `${header(first, "to")};tag=${this.#tag}`;
    this.#end();
    await this.#line.request("BYE", this.target, () => [
      ...(first.headers.get("record-route") ?? []).map((value) => ["Route", value]), ["From", tagged], ["To", header(first, "from")],
      ["Call-ID", header(first, "call-id")], ["CSeq", `${++this.#sequence} BYE`],
    ]).catch(() => {}); // who is not there has noticed
  }

  /** Let the other side hear nothing, or this one again. */
  mute(muted) {
    for (const track of this.#microphone?.getTracks() ?? []) track.enabled = !muted;
  }

  /** Take a request of the other side. */
  take(request) {
    const { method } = request;
    if (method === "ACK") return;
    if (method === "CANCEL") {
      this.#line.answer(request, 200, { tag: this.#tag });
      return this.#refuse(487);
    }
    const number = sequenceOf(request);
    if (number <= this.#theirs) return number < this.#theirs ? this.#line.answer(request, 500, { tag: this.#tag }) : undefined; // one repeated is being answered
    this.#theirs = number;
    if (method === "BYE") {
      this.#line.answer(request, 200, { tag: this.#tag });
      if (this.#invitation) this.#refuse(487);
      return this.#end();
    }
    if (method === "INVITE" || method === "UPDATE") return this.#again(request);
    this.#line.answer(request, method === "OPTIONS" || method === "INFO" ? 200 : 405, { tag: this.#tag });
  }

  /** Agree anew on how one is heard: they hold the call, or take it up again. */
  async #again(request) {
    this.target = address(header(request, "contact")) || this.target;
    if (!request.body && request.method === "UPDATE") return this.#line.answer(request, 200, { tag: this.#tag, headers: this.#contact });
    try {
      const body = await this.#agreed(request.body);
      this.#line.answer(request, 200, { tag: this.#tag, headers: [...this.#contact, ["Content-Type", "application/sdp"]], body });
    } catch {
      this.#line.answer(request, 488, { tag: this.#tag });
    }
  }

  /** Return our answer to what they offer, with the addresses found so far. */
  async #agreed(offer) {
    const media = this.#media;
    await media.setRemoteDescription({ type: "offer", sdp: offer });
    await media.setLocalDescription(await media.createAnswer());
    if (media.iceGatheringState !== "complete") {
      await new Promise((done) => {
        media.onicegatheringstatechange = () => media.iceGatheringState === "complete" && done();
        setTimeout(done, GATHER_MS);
      });
    }
    return media.localDescription.sdp;
  }

  #refuse(status) {
    const invitation = this.#invitation;
    if (!invitation) return;
    this.#line.answer(invitation, status, { tag: this.#tag });
    this.#end();
  }

  #quiet() {
    for (const track of this.#microphone?.getTracks() ?? []) track.stop();
    this.#media?.close();
  }

  #end() {
    this.#invitation = null;
    this.#quiet();
    this.#media = null;
    this.#finish();
  }
}

const sequenceOf = (request) => parseInt(header(request, "cseq"), 10);
