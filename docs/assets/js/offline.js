// "Keep the site in this browser": starts and stops the service worker that answers without a network.
(() => {
  const box = document.querySelector(".offline");
  if (!box || !navigator.serviceWorker) return;
  const [keep, drop] = box.querySelectorAll("button");
  const said = box.querySelector("output");
  const worker = new URL(box.dataset.worker, location.href);
  const scope = new URL("./", worker).href;

  const show = (kept, text) => {
    keep.hidden = kept;
    drop.hidden = !kept;
    said.value = text;
  };
  const mine = async () => {
    const found = await navigator.serviceWorker.getRegistration(scope);
    return found?.scope === scope ? found : undefined;
  };

  // A worker that is installing has either kept everything, or is thrown away.
  const settled = (installing) =>
    new Promise((resolve, reject) => {
      const look = () => {
        if (installing.state === "activated") resolve();
        if (installing.state === "redundant") reject(new Error("not everything could be loaded"));
      };
      installing.addEventListener("statechange", look);
      look();
    });

  keep.addEventListener("click", async () => {
    keep.disabled = true;
    said.value = "Loading …";
    try {
      navigator.storage?.persist?.(); // asks the browser not to throw it away when space gets short
      const registration = await navigator.serviceWorker.register(worker, { scope });
      await settled(registration.installing ?? registration.waiting ?? registration.active);
      show(true, "Kept. The site now opens without a network, its search included.");
      drop.focus();
    } catch (error) {
      show(false, `It did not work: ${error.message}`);
    }
    keep.disabled = false;
  });

  drop.addEventListener("click", async () => {
    await (await mine())?.unregister();
    for (const name of await caches.keys()) if (name.endsWith(scope)) await caches.delete(name);
    show(false, "Removed.");
    keep.focus();
  });

  mine().then((found) => {
    show(Boolean(found?.active), found?.active ? "The site is kept in this browser." : "");
    box.hidden = false;
  });
})();
